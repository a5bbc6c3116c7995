"""What drawing a token costs beside the decoding step that made its logits: vocabularies of 49k and 152k words, plain
draws and those of QwQ's evaluation (temperature 0.6, top-p 0.95, top-k 40). Prints JSON.

Models of the shapes of SmolLM2-135M and Qwen2.5-0.5B with random weights, whose logits are scaled to those of a trained
model: the likeliest token gets about half of the probability. Beside our draw stands the plain one: a softmax in double
precision, sorted where tokens are cut, and its cumulative sum.

`python -m benchmarks.token_drawing [--rows 128] [--rounds 5] [--threads 2] [--most 0.1]`
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence

import torch
from transformers import AutoModelForCausalLM, LlamaConfig, PretrainedConfig, PreTrainedModel, Qwen2Config

from benchmarks.measuring import interleave, machine, print_report, summary
from openqwq.training.rollout.decoder import make_decoder
from openqwq.training.rollout.drawing import Drawing
from openqwq.training.rollout.engine import GenerationRequest

SHAPES: dict[str, PretrainedConfig] = {
    "49152_words_135M": LlamaConfig(
        vocab_size=49152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9,
        num_key_value_heads=3, tie_word_embeddings=True,
    ),
    "151936_words_494M": Qwen2Config(
        vocab_size=151936, hidden_size=896, intermediate_size=4864, num_hidden_layers=24, num_attention_heads=14,
        num_key_value_heads=2, tie_word_embeddings=True,
    ),
}  # fmt: skip
SETTINGS = {"plain": (1.0, 1.0, 0), "qwq": (0.6, 0.95, 40)}
"""Temperature, top-p, top-k."""
CONTEXT = 64
SHARPNESS = 12.0
"""Standard deviation over which a normal variable's largest of 50k is taken: its token gets half of the probability."""


def plain_draw(logits: torch.Tensor, uniforms: torch.Tensor, setting: tuple[float, float, int]) -> torch.Tensor:
    """The distribution in double precision, as a textbook would invert it."""
    temperature, top_p, top_k = setting
    probs = torch.log_softmax(logits / temperature, 1).double().exp()
    if top_p < 1 or top_k:
        ordered, order = probs.sort(1, descending=True)
        ordered[:, top_k or probs.shape[1] :] = 0
        up_to = ordered.cumsum(1)
        kept = ordered * (up_to - ordered < top_p * up_to[:, -1:])
        probs = torch.zeros_like(probs).scatter(1, order, kept)
    cumulative = probs.cumsum(1)
    drawn = torch.searchsorted(cumulative, uniforms[:, None] * cumulative[:, -1:], right=True)
    return drawn[:, 0].clamp(max=logits.shape[1] - 1)


class Step:
    """One decoding step of a model and the draws from its logits."""

    def __init__(self, config: PretrainedConfig, rows: int) -> None:
        torch.manual_seed(0)
        model: PreTrainedModel = AutoModelForCausalLM.from_config(config).eval()
        self.decoder = make_decoder(model, CONTEXT + 4096)
        ids = torch.randint(0, config.vocab_size, (rows, CONTEXT))
        with torch.inference_mode():
            logits = self.decoder.prefill(ids, torch.ones_like(ids, dtype=torch.bool))
        noise = torch.randn_like(logits)
        self.logits = noise + SHARPNESS * torch.nn.functional.one_hot(noise.argmax(1), noise.shape[1])
        self.uniforms = torch.rand(rows, dtype=torch.float64)
        self.rows = torch.arange(rows)
        self.drawings = {
            name: Drawing([GenerationRequest(i, (1,), i, 1, *setting) for i in range(rows)], torch.device("cpu"))
            for name, setting in SETTINGS.items()
        }

    @torch.inference_mode()
    def decode(self) -> None:
        self.decoder.forward_one(self.rows)

    def ours(self, name: str) -> torch.Tensor:
        return self.drawings[name].draw(self.logits, self.uniforms, self.rows)[0]


def seconds(work: Callable[[], object], repeats: int) -> float:
    started = time.perf_counter()
    for _ in range(repeats):
        work()
    return (time.perf_counter() - started) / repeats


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=4, help="steps and draws of one round")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--most", type=float, default=0.1, help="largest part of a step that is no violation")
    parser.add_argument("--shapes", nargs="+", choices=sorted(SHAPES), default=list(SHAPES))
    arguments = parser.parse_args(words)
    torch.set_num_threads(arguments.threads)
    report: dict[str, object] = {"benchmark": "token_drawing", **machine(), "rows": arguments.rows,
                                 "threads": arguments.threads}  # fmt: skip
    violations = []
    for shape in arguments.shapes:
        step = Step(SHAPES[shape], arguments.rows)
        work: dict[str, Callable[[], object]] = {"decoding step": step.decode}
        for name, setting in SETTINGS.items():
            work[f"draw {name}"] = lambda name=name, step=step: step.ours(name)  # type: ignore[misc]
            work[f"textbook {name}"] = lambda setting=setting, step=step: plain_draw(  # type: ignore[misc]
                step.logits, step.uniforms, setting
            )
        for each in work.values():
            each()
        rounds = interleave(
            {name: lambda each=each: seconds(each, arguments.repeats) * 1e3 for name, each in work.items()},  # type: ignore[misc]
            arguments.rounds,
        )
        parts: dict[str, float] = {}
        for name, setting in SETTINGS.items():
            ratios = summary([a / b for a, b in zip(rounds[f"draw {name}"], rounds["decoding step"], strict=True)], 3)
            parts[name] = ratios["median"]
            same = step.ours(name) == plain_draw(step.logits, step.uniforms, setting)
            if int((~same).sum()) > 1:
                violations.append(f"{shape}, {name}: {int((~same).sum())} of {arguments.rows} draws differ")
            if parts[name] > arguments.most:
                violations.append(f"{shape}, {name}: {parts[name]:.3f} of a step, more than {arguments.most:g}")
        report[shape] = {
            "milliseconds": {name: summary(values, 1) for name, values in rounds.items()},
            "part_of_a_step": parts,
        }
    return print_report(report, violations)


if __name__ == "__main__":
    sys.exit(main())
