"""Environments of the page docs/writing_an_environment.md: functions, a class with a state, one written by hand."""

from collections.abc import Mapping
from typing import Any

from openqwq.training.environments.contract import AssistantTurn, StepResult

PRICES = {"apple": 2, "pear": 3, "plum": 5}


def price(fruit: str) -> int:
    """The price of one fruit, by its name."""
    return PRICES[fruit]


async def total(fruits: list[str], discount: float = 0.0) -> float:
    """The price of several fruits together.

    Args:
        fruits: their names
        discount: a share of the price, such as 0.1
    """
    return sum(PRICES[fruit] for fruit in fruits) * (1 - discount)


TOOLS = [price, total]


class Basket:
    """A basket that is filled under a budget; judged by what is in it at the end."""

    def __init__(self, budget: int = 10) -> None:
        self.budget = budget
        self.fruits: list[str] = []

    def reset(self, task: Mapping[str, Any]) -> None:
        self.wanted = sorted(task["reference"]["fruits"])

    def put(self, fruit: str) -> str:
        """Put a fruit into the basket."""
        if sum(PRICES[one] for one in [*self.fruits, fruit]) > self.budget:
            raise ValueError(f"that is more than {self.budget}")
        self.fruits.append(fruit)
        return f"{len(self.fruits)} in the basket"

    def take_out(self, fruit: str) -> str:
        """Take a fruit out of the basket."""
        self.fruits.remove(fruit)
        return f"{len(self.fruits)} in the basket"

    def reward(self) -> float:
        return float(sorted(self.fruits) == self.wanted)

    def save(self) -> list[str]:
        return self.fruits

    def restore(self, task: Mapping[str, Any], state: list[str]) -> None:
        self.reset(task)
        self.fruits = list(state)


class Haggler:
    """A customer who answers every offer, and has no tools: a conversation that is judged."""

    def tools(self) -> list[dict[str, Any]]:
        return []

    async def reset(self, task: Mapping[str, Any], seed: int) -> list[dict[str, str]]:
        self.most, self.num_offers = 4 + seed % 3, 0
        return [{"role": "user", "content": "What do you ask for a plum? Answer with a number."}]

    async def step(self, turn: AssistantTurn) -> StepResult:
        self.num_offers += 1
        offer = int("".join(sign for sign in turn.text.rpartition("</think>")[2] if sign.isdigit()) or 0)
        if offer <= self.most or self.num_offers == 3:
            return StepResult([], done=True, reward=offer / 6 if offer <= self.most else 0.0)
        return StepResult([{"role": "user", "content": "Too much."}], done=False)

    async def close(self) -> None:
        pass
