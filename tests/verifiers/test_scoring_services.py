"""Forms of services: vLLM's three routes, our own server, and the reward model in this process."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from scoring_servers import Reply, told
from tiny_reward_model import ROW, save_tiny_reward_model

from openqwq.verifiers import VerifierError, get_verifier
from openqwq.verifiers.reward_model import reward_model_text
from openqwq.verifiers.scoring.item import Item, Outcome, Scorer
from openqwq.verifiers.scoring.local_model import ModelScorer, NoDevice, device_for
from openqwq.verifiers.scoring.server import ScoreServer
from openqwq.verifiers.scoring.services import VllmScore, VllmTokens

ANSWERS = ["a", "bb", "<think>x</think>ccc"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_tiny_reward_model(tmp_path_factory.mktemp("reward_model"))


def vllm(path: str, body: Any) -> Reply:
    """Answers as vLLM does, last entry first, with the number of tokens or characters as the score."""
    inputs = body["input"] if path != "/score" else body["text_2"]
    key = {"/classify": "probs", "/pooling": "data", "/score": "score"}[path]
    values = [float(len(one)) for one in inputs]
    entries = [{"index": n, key: value if key == "score" else [value]} for n, value in enumerate(values)]
    return 200, json.dumps({"object": "list", "data": entries[::-1]}).encode()


@pytest.mark.parametrize("service", ["vllm_classify", "vllm_pooling"])
def test_vllm_gets_the_tokens_of_the_training_and_no_activation(service: str, folder: str) -> None:
    from transformers import AutoTokenizer

    from openqwq.verifiers.chat_rendering import encode

    tokenizer = AutoTokenizer.from_pretrained(folder)
    wanted = [encode(tokenizer, reward_model_text(tokenizer, ROW["prompt"], a)) for a in ("a", "bb", "ccc")]
    with told(vllm) as server:
        verifier = get_verifier(
            "reward_model", url=f"{server.url}/v1", service=service, tokenizer=folder, model_name="rm"
        )
        verdicts = verifier.verify_many(ANSWERS, [ROW] * 3)
        verifier.close()
        [body] = server.asked
    assert body["input"] == wanted
    assert (body["model"], body["use_activation"], server.paths) == ("rm", False, ["/" + service[5:]])
    assert [verdict.parts["raw"] for verdict in verdicts] == [float(len(ids)) for ids in wanted]


def test_vllm_scores_pairs_of_texts() -> None:
    with told(vllm) as server:
        verifier = get_verifier("reward_model", url=server.url, service="vllm_score", model_name="rm")
        assert [v.parts["raw"] for v in verifier.verify_many(ANSWERS, [ROW] * 3)] == [1.0, 2.0, 3.0]
        verifier.close()
        assert server.asked[0]["text_1"] == ["hi"] * 3 and server.asked[0]["use_activation"] is False


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        ([{"data": [1.5]}], 1.5), ([{"data": [[0.1], [0.2], [2.5]]}], 2.5), ([{"data": 3}], 3.0),
        ([{"data": [0.1, 0.2]}], None), ([{"data": [[0.1, 0.2]]}], None), ([{"data": []}], None), ([{}], None),
        ([{"data": [None]}], None), ([{"data": "AAAA"}], None),
    ],
)  # fmt: skip
def test_the_last_value_of_one_output_is_the_score(data: Any, wanted: float | None, folder: str) -> None:
    [outcome] = VllmTokens(folder, "m", 10, "data").read({"data": data}, 1)
    assert outcome.value == wanted


@pytest.mark.parametrize(
    "answer",
    [
        {}, [], None, {"data": {}}, {"data": [1]}, {"data": []}, {"data": [{"index": 0, "score": 1}]},
        {"data": [{"index": 0}, {"index": 0}]}, {"data": [{"index": 1}, {"index": 2}]}, {"data": [{"index": None}, {}]},
    ],
)  # fmt: skip
def test_an_answer_of_another_form_is_refused(answer: Any) -> None:
    with pytest.raises(ValueError):
        VllmScore("m", 10).read(answer, 2)


def test_what_a_service_needs_is_asked_for_before_anything_runs(folder: str) -> None:
    for arguments, words in (
        ({"service": "vllm_classify", "model_name": "m"}, "needs tokenizer"),
        ({"service": "vllm_pooling", "tokenizer": folder}, "needs model_name"),
        ({"service": "vllm_classify", "tokenizer": "no/where", "model_name": "m"}, "no tokenizer directory"),
        ({"service": "vllm"}, "service must be own, vllm_classify"),
        ({"key_variable": "NO_SUCH_KEY_HERE"}, r"\$NO_SUCH_KEY_HERE holds no key"),
        ({"parallel": 0}, "parallel must be above 0"),
        ({"squash": "tanh"}, "squash must be"),
        ({"scale": float("nan")}, "must be finite"),
        ({"max_tokens": 0}, "max_tokens must be at least 1"),
    ):
        with pytest.raises(VerifierError, match=words):
            get_verifier("reward_model", url="http://a", **arguments)


@pytest.mark.parametrize(
    ("asked", "parameters", "num_gpus", "device"),
    [
        ("auto", 32_000_000_000, 1, "cuda"),
        ("auto", 1_000_000_000, 0, "cpu"),
        ("cpu", 32_000_000_000, 8, "cpu"),
        ("cuda:1", 1, 2, "cuda:1"),
    ],
)
def test_a_model_runs_on_the_gpu_of_its_role_or_on_the_cpu_that_was_asked_for(
    asked: str, parameters: int, num_gpus: int, device: str
) -> None:
    assert device_for(asked, parameters, num_gpus) == device


def test_a_large_model_is_never_silently_on_a_cpu() -> None:
    with pytest.raises(NoDevice, match=r"1\.5B parameters and no GPU .* cluster.reward_model gpus, .* device: cpu"):
        device_for("auto", 1_500_000_000, 0)
    with pytest.raises(NoDevice, match="device cuda: this process sees no GPU"):
        device_for("cuda", 1, 0)


def test_an_item_that_cannot_be_rendered_costs_itself(folder: str) -> None:
    scorer = ModelScorer(folder, 4, 64, "cpu")
    strange = Item(({"role": "user"},), "a")
    good, bad, again = scorer.outcomes_now([Item(ROW["prompt"], "a"), strange, Item(ROW["prompt"], "a")])
    assert good.value == again.value != None and (bad.value is None or isinstance(bad.value, float))  # noqa: E711


def test_a_batch_on_which_the_model_fails_is_scored_by_halves(folder: str) -> None:
    scorer = ModelScorer(folder, 8, 64, "cpu")
    items = [Item(ROW["prompt"], "a" * number) for number in range(1, 7)]
    wanted = [outcome.value for outcome in scorer.outcomes_now(items)]
    assert scorer._loaded is not None
    model, tokenizer = scorer._loaded

    class Small:
        device = model.device

        def __call__(self, input_ids: Any, **others: Any) -> Any:
            if len(input_ids) > 2:
                raise RuntimeError("out of memory")
            return model(input_ids=input_ids, **others)

    scorer._loaded = (Small(), tokenizer)
    assert [outcome.value for outcome in scorer.outcomes_now(items)] == pytest.approx(wanted, abs=1e-5)


class Lengths(Scorer):
    """Scores by length; the answer "null" has no score, "wait" waits until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()

    async def outcomes(self, items: Sequence[Item]) -> list[Outcome]:
        return self.outcomes_now(items)

    def outcomes_now(self, items: Sequence[Item]) -> list[Outcome]:
        if items[0].response == "wait":
            self.go.wait(20)
        return [Outcome(None, "no idea") if i.response == "null" else Outcome(float(len(i.response))) for i in items]

    def close(self) -> None:
        self.go.set()


@pytest.fixture
def server() -> Iterator[ScoreServer]:
    scorer = Lengths()
    one = ScoreServer(("127.0.0.1", 0), scorer, max_waiting=1)
    thread = threading.Thread(target=one.serve_forever, args=(0.01,))
    thread.start()
    yield one
    scorer.close()
    one.shutdown()
    thread.join()
    one.server_close()


def post(server: ScoreServer, body: bytes, **headers: str) -> tuple[int, Any]:
    url = f"http://127.0.0.1:{server.server_address[1]}/score"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=10) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as problem:
        return problem.code, json.load(problem)


def test_our_own_service_scores_what_our_own_client_asks(server: ScoreServer) -> None:
    url = f"http://127.0.0.1:{server.server_address[1]}"
    verifier = get_verifier("reward_model", url=url, chunk_items=2)
    verdicts = verifier.verify_many(["a", "null", "ccc"], [ROW] * 3)
    verifier.close()
    assert [verdict.parts.get("raw") for verdict in verdicts] == [1.0, None, 3.0]
    assert verdicts[1].reason == "reward model: the service gave no score: no idea"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400), (b"{", 400), (b"[]", 400), (b'{"items": 3}', 400), (b'{"items": [{}]}', 400), (b"[" * 10**6, 400),
        (b'{"items": [{"prompt": "q", "response": 3}]}', 400), (b'{"items": [{"response": "a"}]}', 400),
        (b'{"items": [' + b"1," * 5000 + b"1]}", 413),
    ],
)  # fmt: skip
def test_our_own_service_refuses_what_is_no_request(server: ScoreServer, body: bytes, status: int) -> None:
    assert post(server, body)[0] == status
    assert post(server, b'{"items": [{"prompt": "q", "response": "abc"}]}') == (200, {"scores": [3.0]})


def test_our_own_service_says_when_it_is_busy(server: ScoreServer) -> None:
    waiting = threading.Thread(target=post, args=(server, b'{"items": [{"prompt": "q", "response": "wait"}]}'))
    waiting.start()
    while server.room._value:  # type: ignore[attr-defined]
        threading.Event().wait(0.005)
    assert post(server, b'{"items": []}')[0] == 429
    server.scorer.close()
    waiting.join()
