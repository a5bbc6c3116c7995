"""The largest gap between log-probabilities in nats, by architecture: the trainer's ways, the engine, and the model.

Small models with random weights. Each column is a way in which training or sampling computes the log-probabilities of
the same tokens, against one forward of the whole model for each sequence with transformers' own attention: sequences
packed into rows, prompts shared by their answers, low-rank factors, two ranks that share rows, bfloat16 (the mean gap,
as at load), and the engine `hf` as it samples. Prints JSON.

`python -m benchmarks.architectures [--only Qwen3 Gemma2]`
"""

from __future__ import annotations

import argparse
import copy
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.measuring import machine, print_report
from openqwq.training.backends.load_check import check_architecture, check_policy
from openqwq.training.backends.ranks import Rank, Ranks
from openqwq.training.backends.scored_policy import ScoredPolicy, with_lora
from openqwq.training.batches.packing import lay_out, plan_micro_batches
from openqwq.training.config import Lora
from openqwq.training.errors import OpenqwqError
from openqwq.training.models import load_for_training
from openqwq.training.rollout.engine import GenerationRequest
from openqwq.training.rollout.hf_engine import HFEngine
from tests.training.backends.architectures import REFUSED, TRAINED, small_model
from tests.training.backends.plain_updates import plain_scores
from tests.training.backends.threaded_ranks import on_ranks
from tests.training.small_updates import grouped_batch

ALONE = Ranks(None, torch.device("cpu"))
TEMPERATURE = 0.7
LIMITS = {"bfloat16": 0.02, "others": 1e-4}


def trained(model: Any, **how: Any) -> torch.Tensor:
    """log p of the counted tokens as training computes them."""
    policy, batch = ScoredPolicy(model, TEMPERATURE), grouped_batch()
    found = torch.zeros(batch.num_loss_tokens)
    with torch.no_grad():
        for micro in (lay_out(batch, rows) for rows in plan_micro_batches(batch, 120, **how)[0]):
            found[micro.indices_K] = policy(micro)[1]
    return found


def over_two_ranks(model: Any) -> torch.Tensor:
    models = [copy.deepcopy(model) for _ in range(2)]
    batch = grouped_batch()

    def run(rank: int) -> torch.Tensor:
        ranks = Ranks(Rank(rank, 2, "127.0.0.1", 1, zero_stage=2, sequence_parallel=2), torch.device("cpu"))
        policy, found = (
            ScoredPolicy(models[rank], TEMPERATURE, ranks.sequence_group),
            torch.zeros(batch.num_loss_tokens),
        )
        with torch.no_grad():
            for micro in ranks.own_shard(batch, 120):
                found[micro.indices_K] = policy(micro)[1]
        return ranks.merged(found)

    return on_ranks(2, run)[0]


def own(model: Any) -> torch.Tensor:
    plain = copy.deepcopy(model).eval()
    plain.set_attn_implementation("eager")
    with torch.no_grad():
        return torch.cat(plain_scores(plain, grouped_batch(), TEMPERATURE)[0])


def sampled_gap(model: Any) -> float:
    """Of what the engine logs for 24 tokens after each prompt, against the model's own forward of the whole."""
    plain = copy.deepcopy(model).eval()
    plain.set_attn_implementation("eager")
    engine = HFEngine(copy.deepcopy(model), [0])
    requests = [
        GenerationRequest(key, tuple(range(5, 5 + length)), seed=key, max_new_tokens=24, temperature=TEMPERATURE)
        for key, length in enumerate((3, 17, 9))
    ]
    gap = 0.0
    for done in engine.generate(requests):
        tokens = (*requests[done.key].tokens, *done.tokens)
        with torch.no_grad():
            logits = plain(input_ids=torch.tensor([tokens])).logits[0, :-1].float() / TEMPERATURE
        logprobs = logits.log_softmax(1).gather(1, torch.tensor(tokens)[1:, None])[:, 0][-len(done.tokens) :]
        gap = max(gap, float((logprobs - torch.tensor(done.logprobs)).abs().max()))
    return gap


def told(measure: Callable[[], float]) -> float | str:
    try:
        return float(f"{measure():.2g}")
    except OpenqwqError as error:
        return f"refused: {error}"


def gaps(name: str) -> dict[str, float | str]:
    with tempfile.TemporaryDirectory() as folder:
        small_model(name, TRAINED[name]).save_pretrained(folder)
        model, half = load_for_training(folder, "float32"), load_for_training(folder, "bfloat16")
    expected = own(model)

    def gap(found: torch.Tensor) -> float:
        return float((found - expected).abs().max())

    def rounded() -> float:
        policy = ScoredPolicy(half, TEMPERATURE)
        return check_policy(policy, policy, "bfloat16", ALONE)

    return {
        "packed": told(lambda: gap(trained(copy.deepcopy(model), share_prompts=False))),
        "shared prompts": told(lambda: gap(trained(copy.deepcopy(model)))),
        "LoRA": told(lambda: gap(trained(with_lora(copy.deepcopy(model), Lora(rank=2))))),
        "two ranks": told(lambda: gap(over_two_ranks(model))),
        "bfloat16": told(rounded),
        "engine hf": told(lambda: sampled_gap(model)),
    }


def refusal(name: str) -> str:
    model = small_model(name, REFUSED[name][0])
    policy = ScoredPolicy(model, 1.0)
    for place, check in (
        ("before any work", lambda: check_architecture(model.config)),
        ("at load", lambda: check_policy(policy, policy, "float32", ALONE)),
    ):
        try:
            check()
        except OpenqwqError as error:
            return f"refused {place}: {error}"
    return "TRAINED"


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[*TRAINED, *REFUSED], help="architectures (default: all)")
    only = parser.parse_args(words).only
    table = {name: gaps(name) for name in TRAINED if name in only}
    refused = {name: refusal(name) for name in REFUSED if name in only}
    violations = [
        f"{name}, {way}: {value}"
        for name, row in table.items()
        for way, value in row.items()
        if not isinstance(value, str) and value > LIMITS.get(way, LIMITS["others"])
    ]
    violations += [f"{name} is not refused" for name, said in refused.items() if said == "TRAINED"]
    return print_report({"benchmark": "architectures", **machine(), "gaps": table, "refused": refused}, violations)


if __name__ == "__main__":
    sys.exit(main())
