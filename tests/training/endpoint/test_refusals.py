"""What servers say when they refuse, in the words that are in use."""

from __future__ import annotations

import json

import pytest

from openqwq.training.endpoint.refusals import Refused, is_too_long, refused_names, room_left, words_of

TOO_LONG = {
    # vLLM, over its versions
    "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (1000 in the messages, "
    "4000 in the completion). Please reduce the length of the messages or completion.": 3096,
    "'max_tokens' or 'max_completion_tokens' is too large: 4000. This model's maximum context length is 4096 tokens "
    "and your request has 1000 input tokens (4000 > 4096 - 1000).": 3096,
    "This model's maximum context length is 4096 tokens. However, you requested 4096 output tokens and your prompt "
    "contains at least 1 input tokens, for a total of at least 4097 tokens.": None,
    "This model's maximum context length is 4096 tokens. However, your request has 5000 input tokens.": -904,
    # SGLang, TGI, llama.cpp, OpenAI, others
    "Requested token count exceeds the model's maximum context length of 4096 tokens. You requested a total of 5000 "
    "tokens: 1000 tokens from the input messages and 4000 tokens for the completion.": 3096,
    "The input (5000 tokens) is longer than the model's context length (4096 tokens).": -904,
    "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 1000 `inputs` tokens and 4000 "
    "`max_new_tokens`": None,
    "request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it": -904,
    "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.": -808,
    "This model's maximum prompt length is 4096 but the request contains 5000 tokens.": None,
    "Prompt contains 5000 tokens, too large for model with 4096 maximum context length": None,
    "Input length 5000 exceeds the maximum allowed input length of 4096 tokens.": None,
    "prompt is too long: 5000 tokens > 4096 maximum": None,
    "Please reduce the length of the messages or completion": None,
}


@pytest.mark.parametrize("words", TOO_LONG, ids=range(len(TOO_LONG)))
def test_a_prompt_without_room_is_known_by_its_words(words: str) -> None:
    assert is_too_long(Refused(400, words))
    assert room_left(words) == TOO_LONG[words]


@pytest.mark.parametrize(
    "words",
    [
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
        "max_tokens is too large: 100000. This model supports at most 16384 completion tokens, and you provided more.",
        "Unrecognized request argument supplied: top_k",
        '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
        "Invalid 'tools[0].function.name': string does not match pattern.",
        "temperature does not support 0.6 with this model. Only the default (1) value is supported.",
        "The model `x` does not exist.",
    ],
)
def test_other_refusals_are_no_lack_of_room(words: str) -> None:
    assert not is_too_long(Refused(400, words))


def test_a_code_says_it_too_and_other_statuses_do_not() -> None:
    assert is_too_long(Refused(400, "no", "None context_length_exceeded None"))
    assert not is_too_long(Refused(404, "maximum context length"))


@pytest.mark.parametrize(
    ("body", "words", "names"),
    [
        ({"error": {"message": "Unrecognized request arguments supplied: min_p, top_k", "param": None}},
         "Unrecognized request arguments supplied: min_p, top_k", ["top_k", "min_p"]),
        ({"error": {"message": "not supported", "param": "seed"}}, "not supported", ["seed"]),
        ({"detail": [{"loc": ["body", "top_k"], "msg": "Extra inputs\nare not permitted", "input": {"seed": 3}}]},
         "top_k: Extra inputs are not permitted", ["top_k"]),
        ({"object": "error", "message": "top_k must be -1, got 0"}, "top_k must be -1, got 0", ["top_k"]),
        ({"error": "model is loading"}, "model is loading", []),
        ({"error": {"message": "the seeds of top_kek"}}, "the seeds of top_kek", []),
        ({"detail": "Not Found"}, "Not Found", []),
        ({}, "{}", []), ([], "no message", []), ("", "no message", []), (None, "None", []),
        ({"error": {"message": {"error": {"message": "deep"}}}}, "deep", []),
    ],
)  # fmt: skip
def test_the_words_of_an_error_are_found_in_every_form(body: object, words: str, names: list[str]) -> None:
    said, marks = words_of(json.dumps(body).encode())
    assert said == words
    assert refused_names(Refused(400, said, marks), ["top_k", "seed", "min_p"]) == [
        name for name in ["top_k", "seed", "min_p"] if name in names
    ]


def test_a_page_of_a_proxy_is_its_text_in_one_line() -> None:
    page = b"<html><head><style>p {}</style><title>504 Gateway\nTime-out</title></head><body>nginx</body></html>"
    assert words_of(page)[0] == "504 Gateway Time-out nginx"
    assert words_of(b"\xff\xfe")[0] == "\ufffd\ufffd"
    assert words_of(b"")[0] == "no message"
    assert len(str(Refused(500, words_of(b"x" * 10**7)[0]))) < 400
    assert words_of(b"[" * 100_000)[0].startswith("[[[")


def test_a_secret_that_the_server_repeats_is_not_shown() -> None:
    said, marks = words_of(b'{"error": {"message": "bad key sk-abc", "code": "sk-abc"}}', "sk-abc")
    assert "sk-abc" not in said + marks and said == "bad key ***"
