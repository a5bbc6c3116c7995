"""Servers of OpenEnv for a test, as their authors write them: `python openenv_server.py PORT guess|tools`."""

from __future__ import annotations

import sys
from typing import Any

import uvicorn
from fastmcp import FastMCP
from openenv.core.env_server.http_server import create_fastapi_app
from openenv.core.env_server.interfaces import Environment
from openenv.core.env_server.mcp_environment import MCPEnvironment
from openenv.core.env_server.mcp_types import CallToolAction, CallToolObservation
from openenv.core.env_server.types import Action, Observation, State


class Guess(Action):
    number: int


class Hint(Observation):
    hint: str = ""


class Guessing(Environment):
    """A number to guess; a negative guess breaks it."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def reset(self, seed: int | None = None, episode_id: str | None = None, secret: int = 5) -> Hint:
        self.secret = secret
        return Hint(hint="guess" if seed is not None else "no seed")

    def step(self, action: Guess, **kwargs: Any) -> Hint:
        if action.number < 0:
            raise ValueError("below the ground")
        if action.number == self.secret:
            return Hint(hint="right", done=True, reward=1.0)
        return Hint(hint="lower" if action.number > self.secret else "higher", reward=0.25)

    @property
    def state(self) -> State:
        return State()


class Sums(MCPEnvironment):
    """Two tools, one of which fails; the last sum is the reward."""

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self) -> None:
        server = FastMCP("sums")
        self.last = 0

        @server.tool
        def add(a: int, b: int) -> int:
            """Add."""
            self.last = a + b
            return self.last

        @server.tool
        def tear() -> str:
            """Fail."""
            raise ValueError("no way")

        super().__init__(server)

    def reset(self, seed: int | None = None, episode_id: str | None = None, **kwargs: Any) -> Observation:
        return Observation()

    async def step_async(self, action: Action, timeout_s: float | None = None, **kwargs: Any) -> Observation:
        seen = await super().step_async(action, timeout_s, **kwargs)
        if isinstance(action, CallToolAction):
            seen.reward = float(self.last)
        return seen

    def _step_impl(self, action: Action, timeout_s: float | None = None, **kwargs: Any) -> Observation:
        return Observation()

    @property
    def state(self) -> State:
        return State()


APPS = {"guess": (Guessing, Guess, Hint), "tools": (Sums, CallToolAction, CallToolObservation)}

if __name__ == "__main__":
    app = create_fastapi_app(*APPS[sys.argv[2]], max_concurrent_envs=2)
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="critical")
