"""The program that plays the policy's part in a taskset of `verifiers`: a chat with the task's tools, in this process.

It takes the place of the package's own `null` program, which does the same in a process that `uv` has to prepare. Only
`verifiers_package.py` imports it, under a name at the top.
"""

import json
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import verifiers.v1 as vf  # noqa: TID251 - the package of others
from verifiers.v1.dialects.chat import message_to_wire  # noqa: TID251
from verifiers.v1.harnesses.utils.mcp import call_mcp, connect_mcp  # noqa: TID251
from verifiers.v1.runtimes import ProgramResult  # noqa: TID251

from openqwq.training.environments.adapters.foreign import text_of_blocks

__all__ = ["TurnHarness"]


class TurnHarnessConfig(vf.HarnessConfig):  # type: ignore[misc, unused-ignore]
    """No settings of its own."""


class TurnHarness(vf.Harness[TurnHarnessConfig]):  # type: ignore[misc, unused-ignore]
    """Asks the model, runs the calls of its turn one after another, and ends with a turn without calls."""

    APPENDS_SYSTEM_PROMPT = True
    SUPPORTS_MCP = True
    SUPPORTS_RESUME = True
    EXECUTES_CODE = False
    NEEDS_CONTAINER = False

    async def launch(
        self,
        ctx: Any,
        trace: Any,
        runtime: Any,
        endpoint: str,
        secret: str,
        mcp_urls: dict[str, str],
        data: Any,
        tool_interception_url: str | None = None,
    ) -> Any:
        """One segment of the conversation: until a turn has no calls, or the package refuses another one.

        Raises:
            RuntimeError: the package refused a turn.
        """
        system, prompt = self.resolve_prompt(data)
        messages: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
        messages += [{"role": "user", "content": prompt}] if isinstance(prompt, str) else map(message_to_wire, prompt)
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(httpx2.AsyncClient(timeout=None, trust_env=False))
            tools, dispatch, servers = await connect_mcp(_servers(mcp_urls, self.config.tool_timeout), stack)
            while True:
                body = {"model": ctx.model, "messages": messages, **({"tools": tools} if tools else {})}
                headers = {"Authorization": f"Bearer {secret}"}
                answer = await client.post(f"{endpoint}/chat/completions", json=body, headers=headers)
                if answer.status_code != 200:
                    raise RuntimeError(answer.text[:500])
                message = answer.json()["choices"][0]["message"]
                messages.append(message)
                if not message.get("tool_calls"):
                    return ProgramResult(exit_code=0, stdout="", stderr="")
                for call in message["tool_calls"]:
                    content = await _answer(call["function"], dispatch, servers)
                    messages.append({"role": "tool", "tool_call_id": call["id"], "content": content})


def _servers(urls: dict[str, str], seconds: float) -> dict[str, Any]:
    return {"mcpServers": {name: {"url": url, "timeout": seconds} for name, url in urls.items()}}


async def _answer(function: dict[str, Any], dispatch: dict[str, Any], servers: dict[str, Any]) -> str:
    name = function["name"]
    if name not in dispatch:
        return f"error: unknown tool {name!r}"
    try:
        content = await call_mcp(servers, dispatch, name, json.loads(function["arguments"] or "{}"))
    except Exception as error:  # the model is told, as by the package's own program
        return f"error: {error}"
    return content if isinstance(content, str) else text_of_blocks(content)
