"""The policy as a chat model on loopback, for code of others that calls a model by itself.

Such code holds the loop of an episode in its own hands. Its requests wait here until the rollout has sampled the turn:
one seat is one sample, and a request finds its seat by the header `X-Session-ID` or by its path.
"""

import asyncio
import contextlib
import json
import secrets
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

MODEL = "policy"
"""The name of the model, whatever is trained."""


class SeatError(RuntimeError):
    """What the foreign code asks cannot be answered by one policy in one conversation."""


@dataclass(frozen=True)
class ChatRequest:
    """What a model is asked."""

    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]]


@dataclass
class Seat:
    """The place of one sample's policy. All of it happens in one event loop."""

    key: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    sessions: list[str] = field(default_factory=list)
    """Names under which requests come; the first alone is the policy's."""
    fault: str = ""
    """What was asked that cannot be answered."""
    _asked: asyncio.Queue[ChatRequest] = field(default_factory=asyncio.Queue)
    _reply: asyncio.Future[Mapping[str, Any]] | None = None

    def __post_init__(self) -> None:
        _seats[self.key] = self

    def claim(self, session: str) -> None:
        """Let the requests of a session come here."""
        self.sessions.append(session)
        _seats[session] = self

    async def ask(self, request: ChatRequest, session: str) -> Mapping[str, Any]:
        """The policy's message.

        Raises:
            SeatError: another one is being waited for, a second agent asks, or the sample has ended.
        """
        if self.sessions and session not in (self.key, self.sessions[0]):
            self.fault = "it asks the policy as a second agent; give that agent a model of its own"
        elif self._reply is not None:
            self.fault = "it asks the policy twice at the same time"
        if self.fault:
            raise SeatError(self.fault)
        self._reply = asyncio.get_running_loop().create_future()
        self._asked.put_nowait(request)
        return await self._reply

    def answer(self, message: Mapping[str, Any]) -> None:
        """Give the message that is waited for."""
        reply, self._reply = self._reply, None
        if reply is None or reply.done():
            raise SeatError("nobody waits for a turn of the policy")
        reply.set_result(message)

    async def next(self, run: "asyncio.Task[Any]") -> ChatRequest | None:
        """The next request; None when `run`, in which the foreign code is, ends without one."""
        asked = asyncio.ensure_future(self._asked.get())
        try:
            await asyncio.wait({asked, run}, return_when=asyncio.FIRST_COMPLETED)
            return asked.result() if asked.done() else None
        finally:
            asked.cancel()

    def leave(self) -> None:
        """End the sample: whoever still waits gets an error."""
        for name in (self.key, *self.sessions):
            _seats.pop(name, None)
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(SeatError("the sample has ended"))
            self._reply.exception()


_seats: dict[str, Seat] = {}
_address: asyncio.Task[str] | None = None


async def policy_address() -> str:
    """The server's address, such as `http://127.0.0.1:40123`. It starts with the first call and lives as long as the
    loop."""
    global _address
    if _address is None:
        _address = asyncio.create_task(_serve())
    return await asyncio.shield(_address)


async def _serve() -> str:
    routes = [Route(path, _completions, methods=["POST"]) for path in ("/v1/chat/completions", SEAT_PATH)]
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(Starlette(routes=routes), log_level="critical", lifespan="off", access_log=False)
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]  # not in this thread
    _running.append(asyncio.create_task(server.serve(sockets=[listening])))
    while not server.started:
        await asyncio.sleep(0.01)
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


SEAT_PATH = "/seats/{key}/v1/chat/completions"
_running: list["asyncio.Task[None]"] = []


async def _completions(request: Request) -> Response:
    session = request.headers.get("x-session-id") or request.path_params.get("key", "")
    seat = _seats.get(session) or _seats.get(request.path_params.get("key", ""))
    if seat is None:
        return _refused("no sample waits under this name", 404)
    body = await request.json()
    try:
        message = await seat.ask(ChatRequest(list(body["messages"]), list(body.get("tools") or [])), session)
    except SeatError as error:
        return _refused(str(error), 400)
    if body.get("stream"):
        return Response(_as_stream(message), media_type="text/event-stream")
    return JSONResponse({**_head("chat.completion"), "choices": [_choice("message", message)], "usage": _USAGE})


def _refused(reason: str, status: int) -> Response:
    return JSONResponse({"error": {"message": reason, "type": "invalid_request_error"}}, status)


_USAGE = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
"""Tokens are counted by the rollout."""


def _head(kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{secrets.token_hex(8)}", "object": kind, "created": int(time.time()), "model": MODEL}


def _choice(key: str, message: Mapping[str, Any]) -> dict[str, Any]:
    reason = "tool_calls" if message.get("tool_calls") else "stop"
    return {"index": 0, key: dict(message), "finish_reason": reason, "logprobs": None}


def _as_stream(message: Mapping[str, Any]) -> str:
    calls = [{"index": index, **call} for index, call in enumerate(message.get("tool_calls") or [])]
    delta = {**message, **({"tool_calls": calls} if calls else {})}
    head = _head("chat.completion.chunk")
    chunks = [{**head, "choices": [_choice("delta", delta)]}, {**head, "choices": [], "usage": _USAGE}]
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
