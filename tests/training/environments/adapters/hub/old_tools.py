"""An environment of verifiers 0.3 with tools, as an author of the Environments Hub writes it."""

from datasets import Dataset

import verifiers as vf  # noqa: TID251


def add(a: int, b: int) -> int:
    """Add two numbers.

    Args:
        a: One.
        b: The other.
    """
    return a + b


def load_environment(count: int = 4):
    data = Dataset.from_list([{"question": f"{i} + 2 = ?", "answer": str(i + 2)} for i in range(count)])

    async def right(completion, answer) -> float:
        return float(completion[-1]["content"] == answer)

    return vf.ToolEnv(dataset=data, tools=[add], rubric=vf.Rubric(funcs=[right]), system_prompt="Add.", max_turns=4)
