"""What scorers over HTTP share: one background loop that owns the connections, for blocking and asyncio callers."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from openqwq.sandbox.loop_thread import LoopThread
from openqwq.verifiers.scoring.delivery import Limits
from openqwq.verifiers.scoring.item import Item, Outcome, Scorer
from openqwq.verifiers.scoring.transport import JsonClient, read_key


class HttpScorer(Scorer):
    """A subclass says in `_scored` how items become requests. May be used from any thread and any event loop."""

    def __init__(self, url: str, limits: Limits, key_variable: str | None = None) -> None:
        self.url, self.limits = url, limits
        self._key = read_key(key_variable)
        self._lock = threading.Lock()
        self._loop: LoopThread[JsonClient] | None = None

    def __getstate__(self) -> dict[str, Any]:  # connections are not pickled: the other process opens its own
        return {key: value for key, value in self.__dict__.items() if key not in ("_lock", "_loop")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock(), _loop=None)

    @abstractmethod
    async def _scored(self, client: JsonClient, items: Sequence[Item]) -> list[Outcome]: ...

    async def outcomes(self, items: Sequence[Item]) -> list[Outcome]:
        return await self._opened().join(lambda client: self._scored(client, items)) if items else []

    def outcomes_now(self, items: Sequence[Item]) -> list[Outcome]:
        return self._opened().wait(lambda client: self._scored(client, items)) if items else []

    def _opened(self) -> LoopThread[JsonClient]:
        async def opened() -> JsonClient:
            return JsonClient(self.url, self.limits.parallel, self._key)

        with self._lock:
            if self._loop is None:
                self._loop = LoopThread("scores", opened, JsonClient.close)
            return self._loop

    def close(self) -> None:
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None:
            loop.close()
