"""The reward model's client: a tiny real model on disk, a real HTTP service, and what happens when they fail."""

import json
import math
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from openqwq.verifiers import get_verifier
from openqwq.verifiers.base import VerifierError
from openqwq.verifiers.reward_model import reward_model_text

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}"
)
ROW = {"prompt": [{"role": "user", "content": "hi"}]}


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
    torch = pytest.importorskip("torch")
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Split
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForSequenceClassification

    letters = sorted(set(TEMPLATE + "abcdefghijklmnopqrstuvwxyz <>|_/\n"))
    vocabulary = {"<|pad|>": 0, "<|im_end|>": 1, "<|unk|>": 2} | {c: i + 3 for i, c in enumerate(letters)}
    raw = Tokenizer(WordLevel(vocabulary, unk_token="<|unk|>"))
    raw.pre_tokenizer = Split("", "isolated")
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="<|pad|>", eos_token="<|im_end|>", unk_token="<|unk|>", chat_template=TEMPLATE
    )
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=len(vocabulary), hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, num_labels=1, pad_token_id=0,
    )  # fmt: skip
    path: Path = tmp_path_factory.mktemp("reward_model")
    Qwen2ForSequenceClassification(config).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return str(path)


def test_a_service_is_asked_once_for_a_batch_and_thinking_is_not_shown_to_it(url: str) -> None:
    verifier = get_verifier("reward_model", url=url, scale=0.5, offset=-1.0)
    verdicts = verifier.verify_many(["<think>long thinking</think>abcd", "ab", "<think>open"], [ROW] * 3)
    assert [verdict.score for verdict in verdicts] == [pytest.approx(1 / (1 + math.exp(-1))), 0.5, 0.0]
    assert verdicts[2].reason == "unclosed thinking"


def test_a_service_that_fails_is_a_service_error_and_never_a_reward(url: str) -> None:
    assert get_verifier("reward_model", url=url).verify("break", ROW).status == "service_error"
    dead = get_verifier("reward_model", url="http://127.0.0.1:9/", timeout_seconds=1.0)
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
