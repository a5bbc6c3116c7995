"""A session with a server of OpenEnv, over the WebSocket protocol of `openenv-core` 0.3.

A message is JSON with `type` (reset, step, close) and `data`; an answer has the type `observation` and the `data`
`{observation, reward, done}`, or the type `error`. The server's own package is not needed here: read were its
`core/env_client.py` and `core/env_server/`. Needs the extra `openenv`.
"""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

MAX_MESSAGE_BYTES = 100 * 2**20
"""As OpenEnv's own client: observations may hold images."""
CONNECT_SECONDS = 20.0
CLOSE_SECONDS = 5.0
MCP_ACTIONS = ("Action", "CallToolAction", "ListToolsAction")
"""Titles of the action schema of a server whose actions are calls of tools that it lists."""


class ServerError(RuntimeError):
    """The server cannot be reached, closes the session, or answers with an error."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Observed:
    """What an environment shows after a reset or an action."""

    observation: Mapping[str, Any]
    reward: float | None
    is_done: bool


async def action_schema(url: str) -> dict[str, Any]:
    """The JSON schema of a server's actions.

    Raises:
        ServerError: no OpenEnv server answers there.
    """
    address = f"{_base(url, 'http')}/schema"
    try:
        async with httpx2.AsyncClient(timeout=CONNECT_SECONDS, trust_env=not is_loopback(url)) as client:
            answer = await client.get(address)
            answer.raise_for_status()
            schema = answer.json()["action"]
    except (httpx2.HTTPError, ValueError, KeyError, TypeError) as error:
        raise ServerError(f"no OpenEnv server answers at {address}: {type(error).__name__}: {error}") from error
    if not isinstance(schema, dict):
        raise ServerError(f"{address} names no schema of actions")
    return schema


class Session:
    """One episode's connection, with an environment of its own on the server's side. Stays in the loop that opened
    it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._socket: ClientConnection | None = None

    async def open(self) -> None:
        """Connect.

        Raises:
            ServerError: it cannot be reached.
        """
        address = f"{_base(self.url, 'ws')}/ws"
        proxy = None if is_loopback(self.url) else True
        try:
            self._socket = await connect(
                address, open_timeout=CONNECT_SECONDS, max_size=MAX_MESSAGE_BYTES, ping_interval=None, proxy=proxy
            )
        except (OSError, TimeoutError, WebSocketException) as error:
            raise ServerError(f"no OpenEnv server answers at {address}: {type(error).__name__}: {error}") from error

    async def reset(self, arguments: Mapping[str, Any]) -> Observed:
        """Begin an episode. The server drops the arguments that its environment's `reset` does not name.

        Raises:
            ServerError: the environment raised, or the session is gone.
        """
        return _observed(await self._ask("reset", arguments))

    async def step(self, action: Mapping[str, Any]) -> Observed:
        """Act.

        Raises:
            ServerError: with the code `VALIDATION_ERROR` where the action does not fit its schema; else the environment
                raised, or the session is gone.
        """
        return _observed(await self._ask("step", action))

    async def close(self) -> None:
        """End the session."""
        socket, self._socket = self._socket, None
        if socket is None:
            return
        with contextlib.suppress(ConnectionClosed, TimeoutError):
            await socket.send(json.dumps({"type": "close"}))
            await asyncio.wait_for(socket.wait_closed(), CLOSE_SECONDS)  # when its place is free for the next sample
        await socket.close()

    async def _ask(self, kind: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
        if self._socket is None:
            raise ServerError(f"the session with {self.url} is closed")
        try:
            with contextlib.suppress(ConnectionClosed):  # why it is closed may still be there to be read
                await self._socket.send(json.dumps({"type": kind, "data": dict(data)}, default=str))
            answer = json.loads(await self._socket.recv())
        except (OSError, WebSocketException) as error:
            raise ServerError(f"{self.url} closed the session: {type(error).__name__}: {error}") from error
        except ValueError as error:
            raise ServerError(f"{self.url} answered no JSON: {error}") from error
        about = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(about, dict):
            raise ServerError(f"{self.url} answered {kind} with {str(answer)[:200]}")
        if answer.get("type") == "error":
            raise ServerError(_said(about), str(about.get("code", "")))
        return about


def _said(about: Mapping[str, Any]) -> str:
    """What a server's error says, with the fields that do not fit."""
    errors = about.get("errors")
    places = [
        f"{'.'.join(map(str, one.get('loc', ())))}: {one.get('msg')}"
        for one in (errors if isinstance(errors, list) else [])
        if isinstance(one, dict)
    ]
    hint = ["start it with a larger max_concurrent_envs"] if about.get("code") == "CAPACITY_REACHED" else []
    return "; ".join([str(about.get("message", "an error")), *places, *hint])


def _observed(about: Mapping[str, Any]) -> Observed:
    observation, reward = about.get("observation"), about.get("reward")
    if not isinstance(observation, dict):
        raise ServerError(f"the server's answer has no observation: {str(about)[:200]}")
    return Observed(observation, None if reward is None else float(reward), bool(about.get("done", False)))


def is_loopback(url: str) -> bool:
    """Whether the server is on this machine, where no proxy is asked."""
    return urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")


def _base(url: str, scheme: str) -> str:
    """The address under `http` or `ws`, with TLS where it has it."""
    parts = urlsplit(url)
    secure = "s" if parts.scheme in ("https", "wss") else ""
    return f"{scheme}{secure}://{parts.netloc}{parts.path.rstrip('/')}"
