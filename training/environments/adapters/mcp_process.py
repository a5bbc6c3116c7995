"""A server of the Model Context Protocol as a process of this one, spoken to over its standard input and output.

The protocol is the package's (`mcp` 2). A session is entered and left by one task, which lives in the loop of all
servers; calls come from any other. What a server writes to its standard error is kept for the message of its failure.
"""

import asyncio
import contextlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mcp import Client, MCPError, StdioServerParameters, stdio_client
from mcp.types import CONNECTION_CLOSED

from openqwq.training.environments.adapters.foreign import as_text, error_message, text_of_blocks, tool_message
from openqwq.training.environments.adapters.own_loop import OwnLoop, shared_loop
from openqwq.training.records import Message

LAST_WORDS = 300
"""Characters of the last line of a server's standard error that a message quotes."""


@dataclass(frozen=True)
class Command:
    """How a server is started."""

    words: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    """Beside the few variables that every server gets: HOME, PATH and their like."""
    folder: str | None = None

    def __str__(self) -> str:
        return " ".join(self.words)


class ServerFailure(RuntimeError):
    """A server does not begin, or is gone."""


@dataclass
class McpServer:
    """One server. Its methods run in the loop of `servers_loop`."""

    command: Command
    tools: list[dict[str, Any]] = field(default_factory=list)
    """Schemas of its tools, once it has started."""
    is_gone: bool = False
    _client: Any = None
    _task: asyncio.Task[None] | None = None
    _over: asyncio.Event = field(default_factory=asyncio.Event)
    _errors: Any = None

    async def start(self) -> None:
        """Start the process and learn its tools. Cancelled, it leaves no process.

        Raises:
            ServerFailure: it cannot be started, ends, or does not speak the protocol.
        """
        begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - closed by stop
        self._task = asyncio.create_task(self._hold(begun))
        try:
            await begun
        except BaseException:
            await self.stop()
            raise

    async def _hold(self, begun: asyncio.Future[None]) -> None:
        words = self.command.words
        environment = dict(self.command.environment)
        start = StdioServerParameters(command=words[0], args=list(words[1:]), env=environment, cwd=self.command.folder)
        try:
            async with Client(stdio_client(start, errlog=self._errors)) as client:
                self.tools = [_schema(tool) for tool in await _listed(client)]
                self._client = client
                if not begun.done():
                    begun.set_result(None)
                await self._over.wait()
        except Exception as error:
            if not begun.done():
                begun.set_exception(self._failure("does not begin", error))
        finally:
            self.is_gone = True
            if not begun.done():
                begun.cancel()

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Message:
        """The answer of a tool. What the server refuses or calls an error is an error for the model.

        Raises:
            ServerFailure: the server is gone.
        """
        if self.is_gone:
            raise self._failure("is gone", None)
        try:
            result = await self._client.call_tool(name, dict(arguments))
        except MCPError as error:
            if error.code == CONNECTION_CLOSED:
                self.is_gone = True
                raise self._failure("is gone", error) from error
            return error_message(error.message)
        text = text_of_blocks(result.content)
        if result.is_error:
            return error_message(text)
        return tool_message(text if result.content else as_text(result.structured_content))

    async def stop(self) -> None:
        """End the process, at first by the end of its input, and wait until it is gone."""
        self._over.set()
        if self._task is not None:
            if self._client is None:  # it still begins, perhaps for ever
                self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(self._task)
        if self._errors is not None and not self._errors.closed:
            self._errors.close()

    def _failure(self, what: str, error: Exception | None) -> ServerFailure:
        said = ""
        if self._errors is not None and not self._errors.closed:
            self._errors.seek(0)
            said = " ".join(self._errors.read().strip().rpartition("\n")[2].split())[-LAST_WORDS:]
        reasons = [*_reasons(error), *([f"it wrote: {said}"] if said else [])]
        return ServerFailure(f"the MCP server `{self.command}` {what}{': ' if reasons else ''}{'; '.join(reasons)}")


_shared: dict[Command, asyncio.Task[McpServer]] = {}


def servers_loop() -> OwnLoop:
    """The loop of all servers of this process."""
    return shared_loop("mcp-servers")


async def started(command: Command) -> McpServer:
    """A server of its own.

    Raises:
        ServerFailure: as `McpServer.start`.
    """
    server = McpServer(command)
    await server.start()
    return server


async def shared_server(command: Command) -> McpServer:
    """The server of this command that all samples of the process share; a new one where the last is gone.

    Raises:
        ServerFailure: as `McpServer.start`.
    """
    task = _shared.get(command)
    if task is None or (task.done() and (task.cancelled() or task.exception() is not None or task.result().is_gone)):
        task = _shared[command] = asyncio.create_task(started(command))
    return await asyncio.shield(task)  # one sample that gives up does not stop the others


async def _listed(client: Client) -> Sequence[Any]:
    tools: list[Any] = []
    cursor: str | None = None
    while True:
        page = await client.list_tools(cursor=cursor)
        tools += page.tools
        cursor = page.next_cursor
        if not cursor:
            return tools


def _schema(tool: Any) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description or "", "parameters": dict(tool.input_schema)}
    return {"type": "function", "function": function}


def _reasons(error: BaseException | None) -> list[str]:
    """What lies in an error, which may be a group of some."""
    if error is None:
        return []
    if isinstance(error, BaseExceptionGroup):
        return [reason for one in error.exceptions for reason in _reasons(one)]
    return [f"{type(error).__name__}: {error}"]
