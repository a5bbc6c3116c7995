"""The reward model's client: a tiny real model on disk, a real HTTP service, and what happens when they fail."""

import json
import math
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from tiny_reward_model import ROW, save_tiny_reward_model

from openqwq.verifiers import get_verifier
from openqwq.verifiers.base import VerifierError
from openqwq.verifiers.reward_model import reward_model_text
from openqwq.verifiers.scoring.delivery import Limits


class Service(BaseHTTPRequestHandler):
    """Scores an answer by its length; the answer "break" breaks it."""

    def do_POST(self) -> None:
        items = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["items"]
        scores = [float(len(item["response"])) for item in items]
        is_broken = any(item["response"] == "break" for item in items)
        body = b"oops" if is_broken else json.dumps({"scores": scores}).encode()
        self.send_response(500 if is_broken else 200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/score"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_tiny_reward_model(tmp_path_factory.mktemp("reward_model"))


def test_a_service_is_asked_once_for_a_batch_and_thinking_is_not_shown_to_it(url: str) -> None:
    verifier = get_verifier("reward_model", url=url, scale=0.5, offset=-1.0)
    verdicts = verifier.verify_many(["<think>long thinking</think>abcd", "ab", "<think>open"], [ROW] * 3)
    assert [verdict.score for verdict in verdicts] == [pytest.approx(1 / (1 + math.exp(-1))), 0.5, 0.0]
    assert verdicts[2].reason == "unclosed thinking"


def test_a_service_that_fails_is_a_service_error_and_never_a_reward(url: str) -> None:
    broken = get_verifier("reward_model", url=url)
    broken.scorer.limits = Limits(retries=1, pause_seconds=0.01)
    assert broken.verify("break", ROW).status == "service_error"
    dead = get_verifier("reward_model", url="http://127.0.0.1:9/", timeout_seconds=0.2)
    assert dead.verify("abc", ROW).status == "service_error"
    assert get_verifier("reward_model", model="/nonexistent").verify("abc", ROW).status == "service_error"


def test_a_batch_scores_as_one_by_one_whatever_the_padding(folder: str) -> None:
    verifier = get_verifier("reward_model", model=folder, batch_size=2)
    answers = ["a", "a much longer answer than the others", "<think>x</think>middle one"]
    together = [verdict.score for verdict in verifier.verify_many(answers, [ROW] * 3)]
    alone = [verifier.verify(answer, ROW).score for answer in answers]
    assert together == pytest.approx(alone, abs=1e-6)
    assert len(set(alone)) == 3
    verifier.close()


def test_the_text_ends_the_answer_and_hides_the_opened_thinking(folder: str) -> None:
    from transformers import AutoTokenizer

    text = reward_model_text(AutoTokenizer.from_pretrained(folder), ROW["prompt"], "hello")
    assert text == "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nhello<|im_end|>"


def test_exactly_one_source_must_be_given() -> None:
    with pytest.raises(VerifierError, match="either model"):
        get_verifier("reward_model")
    with pytest.raises(VerifierError, match="http"):
        get_verifier("reward_model", url="file:///etc/passwd")
