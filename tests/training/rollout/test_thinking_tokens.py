"""How many of a turn's tokens are thinking."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.rollout.conversation import ChatCodec, num_thinking_tokens


@given(
    thinking=st.text(alphabet="ab 1+=\n", max_size=40),
    answer=st.text(alphabet="ab 1é是\n", max_size=40),
    is_opened=st.booleans(),
)
def test_thinking_is_counted_up_to_its_end(codec: ChatCodec, thinking: str, answer: str, is_opened: bool) -> None:
    def tokens(text: str) -> list[int]:
        return list(codec.tokenizer(text, add_special_tokens=False)["input_ids"])

    before = ("" if is_opened else "<think>") + thinking + "</think>"
    turn = [*tokens(before), *tokens(answer)]
    assert num_thinking_tokens(codec, turn, "<think>" * is_opened + before + answer) == len(tokens(before))
    assert num_thinking_tokens(codec, tokens(thinking), "<think>" + thinking) == len(tokens(thinking))  # never closed
    assert num_thinking_tokens(codec, tokens(answer), answer) == 0
