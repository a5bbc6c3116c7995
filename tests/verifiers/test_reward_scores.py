"""From raw scores to verdicts, and what a reward model is asked: a scorer and a service that do as they are told."""

from __future__ import annotations

import asyncio
import math
import pickle
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from scoring_servers import lengths, told

from openqwq.verifiers import VerifierError
from openqwq.verifiers.reward_model import RewardModelVerifier, reward_model_text
from openqwq.verifiers.scoring import verdicts as verdicts_of
from openqwq.verifiers.scoring.delivery import Limits
from openqwq.verifiers.scoring.item import Item, Outcome, Scorer
from openqwq.verifiers.scoring.local_model import ModelScorer
from openqwq.verifiers.scoring.model_text import cut_tokens
from openqwq.verifiers.scoring.services import OwnForm, ServiceScorer

ROW = {"prompt": [{"role": "user", "content": "hi"}]}


class Told(Scorer):
    """A scorer that gives these numbers, or raises."""

    def __init__(self, *numbers: float, problem: Exception | None = None) -> None:
        self.numbers, self.problem, self.asked, self.is_closed = numbers, problem, list[Sequence[Item]](), False

    async def outcomes(self, items: Sequence[Item]) -> list[Outcome]:
        return self.outcomes_now(items)

    def outcomes_now(self, items: Sequence[Item]) -> list[Outcome]:
        self.asked.append(items)
        if self.problem:
            raise self.problem
        return [Outcome(number) for number in self.numbers]

    def close(self) -> None:
        self.is_closed = True


def built(scorer: Told, scale: float = 1.0, offset: float = 0.0) -> RewardModelVerifier:
    verifier = RewardModelVerifier(url="http://a", scale=scale, offset=offset)
    verifier.scorer = scorer
    return verifier


@pytest.mark.parametrize(
    ("raw", "scale", "offset", "logit"),
    [
        *((0.0, 1, 0, 0), (2.0, 1, 0, 2), (2.0, 0.5, 0, 1), (2.0, 0.5, -3, -2), (-2.0, 1, 0, -2)),
        *((1e9, 1, 0, 60), (-1e9, 1, 0, -60)),
    ],
)
def test_a_raw_score_becomes_the_sigmoid_of_its_scaled_and_shifted_value(
    raw: float, scale: float, offset: float, logit: float
) -> None:
    verdict = built(Told(raw), scale, offset).verify("a", ROW)
    assert verdict.score == pytest.approx(1 / (1 + math.exp(-logit)), rel=1e-12)
    assert (verdict.parts, verdict.reason) == ({"raw": raw}, "reward model")


@pytest.mark.parametrize("raw", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_no_number_is_a_service_error(raw: float) -> None:
    verdicts = built(Told(0.0, raw)).verify_many(["a", "b"], [ROW] * 2)
    assert [verdict.status for verdict in verdicts] == ["scored", "service_error"]
    assert verdicts[1].reason == f"reward model: a score of {raw}"


def test_a_scorer_that_fails_makes_every_asked_answer_an_error_and_no_other() -> None:
    scorer = Told(problem=TimeoutError("too late"))
    verdicts = built(scorer).verify_many(["a", "<think>b", "c"], [ROW] * 3)
    assert [(verdict.status, verdict.score) for verdict in verdicts] == [
        ("service_error", None), ("scored", 0.0), ("service_error", None),
    ]  # fmt: skip
    assert verdicts[0].reason == "reward model: TimeoutError: too late"


def test_answers_after_the_thinking_are_asked_for_in_order_and_others_are_not() -> None:
    scorer = Told(1.0, 3.0)
    rows: list[Any] = [{"prompt": "q1"}, {"prompt": "q <think>"}, {"prompt": [{"role": "system", "content": "s"}]}, {}]
    verdicts = built(scorer).verify_many(["<think>x</think> a ", "b", "c", " "], rows)
    first, second = ({"role": "user", "content": "q1"},), ({"role": "system", "content": "s"},)
    assert scorer.asked == [[Item(first, "a"), Item(second, "c")]]
    assert [verdict.parts.get("raw") for verdict in verdicts] == [1.0, None, 3.0, None]
    assert [verdict.reason for verdict in verdicts[1::2]] == ["unclosed thinking", "empty answer"]
    assert built(Told(1.0)).verify("a", {}).score is not None


def test_nothing_to_ask_asks_nobody() -> None:
    scorer = Told()
    assert built(scorer).verify_many([], []) == []
    assert built(scorer).verify("<think>a", ROW).score == 0.0
    assert scorer.asked == []
    with pytest.raises(ValueError, match="zip"):
        built(scorer).verify_many(["a"], [])


@pytest.mark.parametrize("count", [1, 3])
def test_the_time_of_a_batch_is_shared(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    ticks = iter([10.0, 16.0])
    monkeypatch.setattr(verdicts_of, "time", SimpleNamespace(perf_counter=lambda: next(ticks)))
    verdicts = built(Told(1.0)).verify_many(["a"] * count, [ROW] * count)
    assert [verdict.seconds for verdict in verdicts] == [6.0 / count] * count


def test_a_verifier_is_built_from_a_folder_or_an_address() -> None:
    service = RewardModelVerifier(url="https://a/x")
    assert isinstance(service.scorer, ServiceScorer) and service.scorer.url == "https://a/x"
    assert (service.scale, service.offset, service.squash) == (1.0, 0.0, "sigmoid")
    assert service.scorer.limits == Limits(64, 1 << 20, 8, 60.0, 300.0)
    assert RewardModelVerifier(url="http://a", timeout_seconds=2.5).scorer.limits == Limits(
        request_seconds=2.5, deadline_seconds=12.5
    )
    local = RewardModelVerifier(model="folder").scorer
    assert isinstance(local, ModelScorer)
    assert (local.folder, local.batch_size, local.max_tokens, local.device) == ("folder", 16, 4096, "auto")
    other = RewardModelVerifier("folder", batch_size=3, max_tokens=9, device="cuda").scorer
    assert isinstance(other, ModelScorer)
    assert (other.batch_size, other.max_tokens, other.device) == (3, 9, "cuda")
    for arguments in ({}, {"model": "folder", "url": "http://a"}):
        with pytest.raises(VerifierError, match="needs either model"):
            RewardModelVerifier(**arguments)  # type: ignore[arg-type]
    for url in ("ftp://a", "a", ""):
        with pytest.raises(VerifierError, match="url must start with http:// or https://"):
            RewardModelVerifier(url=url)
    scorer = Told()
    built(scorer).close()
    assert scorer.is_closed


def test_a_local_model_travels_without_its_weights() -> None:
    scorer = ModelScorer("folder", 3, 9, "cpu")
    scorer._loaded = ("model", "tokenizer")
    copy = pickle.loads(pickle.dumps(scorer))
    assert (copy.folder, copy.batch_size, copy.max_tokens, copy.device, copy._loaded) == ("folder", 3, 9, "cpu", None)
    assert copy._lock is not scorer._lock
    scorer.close()
    assert scorer._loaded is None


class Letters:
    """A tokenizer with one id for each character."""

    eos_token = "$"

    def __call__(self, text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
        return {"input_ids": [*[0] * add_special_tokens, *map(ord, text)]}

    def apply_chat_template(self, messages: list[Any], tokenize: bool, add_generation_prompt: bool) -> str:
        ending = "A:\n<think>\n" if messages and messages[-1]["role"] == "user" else "A:"
        assert not tokenize and add_generation_prompt
        return "".join(f"{one['role']}:{one['content']}\n" for one in messages) + ending


@pytest.mark.parametrize(
    ("max_tokens", "kept"),
    [(10, "abcdefghij"), (12, "abcdefghij"), (9, "abcdeghij"), (8, "abcdghij"), (5, "abcij"), (2, "aj"), (1, "a")],
)
def test_a_long_text_keeps_its_beginning_and_its_end(max_tokens: int, kept: str) -> None:
    ids = cut_tokens(Letters(), "abcdefghij", max_tokens)
    assert "".join(map(chr, ids)) == kept


def test_the_text_hides_an_opened_thinking_and_ends_with_the_end_token() -> None:
    user, system = {"role": "user", "content": "q"}, {"role": "system", "content": "s"}
    assert reward_model_text(Letters(), [system, user], "x") == "system:s\nuser:q\nA:\nx$"
    assert reward_model_text(Letters(), (system,), "x") == "system:s\nA:x$"


def test_a_service_gets_prompts_and_answers_and_gives_as_many_scores() -> None:
    items = [Item(({"role": "user", "content": "q"},), "a"), Item((), "bb", "c")]
    with told(lengths) as server:
        scorer = ServiceScorer(server.url, OwnForm(100), Limits())
        assert scorer.outcomes_now(items) == [Outcome(1.0), Outcome(2.0)]
        assert asyncio.run(scorer.score(items)) == [1.0, 2.0]
        scorer.close()
    wanted = [
        {"prompt": [{"role": "user", "content": "q"}], "response": "a"},
        {"prompt": [], "response": "bb", "reference": "c"},
    ]
    assert server.asked == [{"items": wanted}] * 2
