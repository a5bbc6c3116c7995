"""How much of an environment's answer the model sees."""

from __future__ import annotations

import pytest

from openqwq.training.config import EnvironmentLimits
from openqwq.training.environments.calculator import CalculatorEnvironment
from openqwq.training.environments.contract import AssistantTurn, StepResult
from openqwq.training.records import SampleRequest
from openqwq.training.rollout.conversation import ChatCodec, harmless
from openqwq.training.rollout.engine import Generated
from tests.training.rollout.small_talks import PatientConversation
from tests.training.rollout.test_conversation import call, talk
from tests.training.small_records import make_prompt


def test_a_long_answer_of_a_tool_loses_its_middle() -> None:
    assert harmless("a" * 1001 + "c" * 700 + "b" * 1001) == "a" * 1000 + " ... " + "b" * 1000
    assert harmless("a" * 2000) == "a" * 2000
    assert harmless("a" * 2001) == "a" * 1000 + " ... " + "a" * 1000
    assert harmless("a" * 10 + "b" * 10, most=4) == "aa ... bb"
    assert harmless("a" * 9000, most=None) == "a" * 9000


@pytest.mark.parametrize(("most", "shown"), [(None, 7000), (6, 6), ("as it is", 2000)])
def test_an_environment_says_how_much_of_an_answer_the_model_sees(
    codec: ChatCodec, most: int | str | None, shown: int
) -> None:
    class Long(CalculatorEnvironment):
        async def step(self, turn: AssistantTurn) -> StepResult:
            return StepResult([{"role": "tool", "content": "z" * 7000}, {"role": "user", "content": "q" * 7000}], False)

    environment = Long()
    if most != "as it is":
        environment.max_answer_characters = most  # type: ignore[attr-defined]
    (_, context), _ = talk(codec, [call("1+1"), "done"], environment)
    text = codec.text(context)
    assert (text.count("z"), text.count("qq")) == (shown, 3500)  # a question of the user is whole


@pytest.mark.parametrize(
    ("role", "most", "lowest", "highest"), [("tool", 16, 1, 16), ("tool", 64, 17, 64), ("user", 16, 500, 500)]
)
def test_tokens_bound_the_answer_of_a_tool_and_no_question_of_the_user(
    codec: ChatCodec, role: str, most: int, lowest: int, highest: int
) -> None:
    class Says(CalculatorEnvironment):
        async def step(self, turn: AssistantTurn) -> StepResult:
            return StepResult([{"role": role, "content": f"begin {'x1 ' * 500}end"}], done=False)

    limits, request = EnvironmentLimits(max_tool_tokens=most), SampleRequest(make_prompt(), 0, 0, 1)
    conversation = PatientConversation(request, codec, Says(), 5, limits=limits)
    before = conversation.context
    tokens = (*codec.tokenizer(call("1+1"), add_special_tokens=False)["input_ids"], codec.tokenizer.eos_token_id)
    conversation.add(Generated(0, tokens, (-0.5,) * len(tokens), "stop"), 0)
    text = codec.text(conversation.context[len(before) + len(tokens) :])
    assert lowest <= text.count("x1") <= highest
    assert "begin" in text and "end" in text and ("..." in text) == (role == "tool")
