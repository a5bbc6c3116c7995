"""`vllm serve` on loopback for the length of a check, where vLLM is installed."""

import importlib.metadata
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import httpx2

from openqwq.training.errors import ServiceError
from openqwq.training.export.conversations import Conversation
from openqwq.training.rollout.vllm_version import installed_version

START_SECONDS, ANSWER_SECONDS = 1200.0, 600.0
NAME = "export"


def vllm_version() -> str | None:
    """The version of vLLM, if it can be imported here."""
    return installed_version() if importlib.util.find_spec("vllm") else None


@dataclass(frozen=True)
class Said:
    """An answer of the server."""

    prompt: tuple[int, ...] = ()
    tokens: tuple[int, ...] = ()
    content: str = ""
    problem: str | None = None


class VllmServer:
    """A server of one folder. `with VllmServer(folder, options, "float32") as server: server.ask(...)`"""

    def __init__(self, folder: Path, options: Sequence[str], dtype: str) -> None:
        self.folder = folder.resolve()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.command = [
            sys.executable, "-m", *_entry(), str(self.folder), "--host", "127.0.0.1", "--port", str(self.port),
            "--served-model-name", NAME, "--dtype", dtype, *options,
        ]  # fmt: skip
        self._log: IO[str]
        self._process: subprocess.Popen[str]

    def __enter__(self) -> "VllmServer":
        """Start it and wait until it answers.

        Raises:
            ServiceError: it ended, or does not answer in time.
        """
        import torch

        environment = {
            "VLLM_NO_USAGE_STATS": "1",
            "VLLM_ENFORCE_STRICT_TOOL_CALLING": "0",  # else a grammar changes what is sampled where tools are offered
            "HF_HUB_OFFLINE": "1",
        }
        if not torch.cuda.is_available():
            environment |= {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
            self.command += ["--enforce-eager"]
        self._log = tempfile.TemporaryFile("w+", prefix="openqwq-vllm-")
        self._process = subprocess.Popen(
            self.command,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            text=True,
            env={**environment, **os.environ},
            start_new_session=True,  # its engine is a child process, which ends with the group
        )
        try:
            self._wait()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the server and its children."""
        for number, seconds in ((signal.SIGTERM, 20.0), (signal.SIGKILL, 20.0)):
            try:
                os.killpg(self._process.pid, number)
                self._process.wait(seconds)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        self._log.close()

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise ServiceError(
                    f"vllm serve {self.folder} ended with {self._process.returncode}: {self._last_words()}"
                )
            try:
                if httpx2.get(f"{self.url}/health", timeout=5.0, trust_env=False).status_code == 200:
                    return
            except httpx2.HTTPError:
                pass
            time.sleep(0.5)
        raise ServiceError(f"vllm serve {self.folder} does not answer after {START_SECONDS:g} s: {self._last_words()}")

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = [line.strip() for line in self._log.read().splitlines() if line.strip()]
        told = [line for line in lines if "Error" in line and "Traceback" not in line]
        return " ".join((told or lines or ["no output"])[-1].split())[-300:]

    def ask(self, conversation: Conversation, new_tokens: int) -> Said:
        """The greedy answer to a conversation, with its tokens."""
        body: dict[str, Any] = {
            "model": NAME,
            "messages": [_as_openai(message) for message in conversation.messages],
            "temperature": 0,
            "max_completion_tokens": new_tokens,
            "return_token_ids": True,
        }
        if conversation.tools:
            body["tools"] = list(conversation.tools)
        answer = httpx2.post(f"{self.url}/v1/chat/completions", json=body, timeout=ANSWER_SECONDS, trust_env=False)
        tree = answer.json()
        if answer.status_code != 200:
            return Said(problem=f"status {answer.status_code}: {' '.join(json.dumps(tree).split())[:200]}")
        choice = tree["choices"][0]
        if tree.get("prompt_token_ids") is None or choice.get("token_ids") is None:
            return Said(problem="this vLLM returns no token ids")
        content = choice["message"].get("content") or ""
        return Said(tuple(tree["prompt_token_ids"]), tuple(choice["token_ids"]), content)


def _entry() -> list[str]:
    """The module of `vllm serve`. The CPU build of 0.32 fails in it, as it is installed under another name than `vllm`;
    the older module starts the same server."""
    try:
        importlib.metadata.version("vllm")
    except importlib.metadata.PackageNotFoundError:
        return ["vllm.entrypoints.openai.api_server", "--model"]
    return ["vllm.entrypoints.cli.main", "serve"]


def _as_openai(message: Mapping[str, Any]) -> dict[str, Any]:
    """The message in OpenAI's form, in which the arguments of a call are a text."""
    calls = [
        {**call, "function": {**call["function"], "arguments": json.dumps(call["function"]["arguments"])}}
        for call in message.get("tool_calls", ())
    ]
    return {**message, **({"tool_calls": calls} if calls else {})}
