"""The environment `mcp`: the tools of a server of the Model Context Protocol that runs as a process here.

The command runs on the host, as the user who runs the training, with all that this user may do: the sandbox has no part
in it. Needs the extra `mcp`.
"""

import shlex
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from openqwq.training.environments.adapters.mcp_process import Command, McpServer, servers_loop, shared_server, started
from openqwq.training.environments.contract import AssistantTurn, StepResult
from openqwq.training.errors import RecipeError
from openqwq.training.records import Message


class McpEnvironment:
    """The tools of one server.

    `command`: the program and its arguments. `env`: variables of the server, beside HOME, PATH and their like.
    `folder`: where it is started. `tools`: the names of those to offer; None for all. `shared`: one server for all
    samples of a process instead of one for each; for servers without state, or with state that samples may share.
    `stateless`: what a tool says depends on its arguments alone, so that a sample that was cut goes on with a new
    server.
    """

    def __init__(
        self,
        command: str | Sequence[str],
        env: Mapping[str, str] | None = None,
        folder: str | None = None,
        tools: Sequence[str] | None = None,
        shared: bool = False,
        stateless: bool = False,
    ) -> None:
        words = shlex.split(command) if isinstance(command, str) else [str(word) for word in command]
        if not words:
            raise RecipeError("environment 'mcp' has an empty `command`; give [PROGRAM, ARGUMENT, ...]")
        variables = tuple(sorted((str(key), str(value)) for key, value in (env or {}).items()))
        self._command = Command(tuple(words), variables, folder)
        self._wanted = None if tools is None else list(tools)
        self._is_shared = shared
        self.is_stateless = stateless
        self._server: McpServer | None = None

    @staticmethod
    def check(**arguments: Any) -> None:
        """Find the program and the folder, before a run; nothing is started.

        Raises:
            RecipeError: one of them is not there.
        """
        command = McpEnvironment(**arguments)._command
        if command.folder is not None and not Path(command.folder).is_dir():
            raise RecipeError(f"environment 'mcp' starts in {command.folder!r}, and there is no such folder")
        path = dict(command.environment).get("PATH")
        if (
            shutil.which(command.words[0], path=path) is None
            and not Path(command.folder or ".", command.words[0]).is_file()
        ):
            raise RecipeError(f"environment 'mcp' starts {command.words[0]!r}, and there is no such program")

    def tools(self) -> list[dict[str, Any]]:
        """The schemas that the server lists, once it has started."""
        return [] if self._server is None else self._offered(self._server)

    async def reset(self, task: Mapping[str, Any], seed: int) -> list[Message]:
        """Start the server, or join the shared one.

        Raises:
            ServerFailure: it does not begin.
            ValueError: it lacks a tool that the recipe names.
        """
        server = await self._begun()
        missing = {*(self._wanted or ())} - {tool["function"]["name"] for tool in server.tools}
        if missing:
            there = ", ".join(tool["function"]["name"] for tool in server.tools)
            raise ValueError(
                f"the MCP server `{self._command}` has no tools {sorted(missing)}; it has {there or 'none'}"
            )
        return []

    async def step(self, turn: AssistantTurn) -> StepResult:
        """One tool message per call, one call after another; done when the turn has none.

        Raises:
            ServerFailure: the server is gone.
        """
        if not turn.calls:
            return StepResult((), done=True)
        server = await self._begun()
        answers = [await servers_loop().run(server.call(call.name, call.arguments)) for call in turn.calls]
        return StepResult(answers, done=False)

    async def close(self) -> None:
        """End the server, unless it is shared."""
        server, self._server = self._server, None
        if server is not None and not self._is_shared:
            await servers_loop().run(server.stop())

    async def _begun(self) -> McpServer:
        if self._server is None:
            start = shared_server if self._is_shared else started
            self._server = await servers_loop().run(start(self._command))
        return self._server

    def _offered(self, server: McpServer) -> list[dict[str, Any]]:
        return [tool for tool in server.tools if self._wanted is None or tool["function"]["name"] in self._wanted]
