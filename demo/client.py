"""A client of one server: bounded batches, merged into what is there, outcomes counted."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import aiohttp
import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BATCH = 1_000
SHOWN_FAULTS = 5
TIME_LIMIT = aiohttp.ClientTimeout(total=60)


class Refused(Exception):
    """The server refused, or nothing sensible answers; says what a person can do about it."""


@dataclass
class Loaded:
    """What became of one noun's objects, and how long the server took."""

    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def objects(self) -> int:
        """How many objects were sent."""
        return self.outcomes.total()


class Client:
    """Asks one server; a context manager."""

    def __init__(self, url: str, token: str) -> None:
        self.loaded: dict[str, Loaded] = {}
        self._url = url
        self._session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
            timeout=TIME_LIMIT,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def merge(
        self, path: str, items: Sequence[dict[str, Any]], advance: Callable[[int], None]
    ) -> list[dict[str, Any]]:
        """Create objects or merge them into those with the same id or key; returns them as they are stored.

        `advance` hears of each batch that is done. Each batch is a transaction of its own.
        """
        told = self.loaded.setdefault(path, Loaded())
        stored: list[dict[str, Any]] = []
        for start in range(0, len(items), BATCH):
            batch = items[start : start + BATCH]
            body = orjson.dumps(batch)
            began = time.perf_counter()
            answer = await self.ask("POST", f"{path}/batch?onConflict=merge&outcomes=true", body)
            told.seconds += time.perf_counter() - began
            results = orjson.loads(answer)
            told.outcomes.update(result["outcome"] for result in results)
            stored += [result["value"] for result in results]
            advance(len(batch))
        return stored

    async def ask(self, method: str, path: str, body: bytes = b"", *, scope_id: str | None = None) -> bytes:
        """Return the body of an answer; `Refused` if it isn't what was asked for. A scope narrows the call."""
        headers = {"reach-tenant-id": scope_id} if scope_id else {}
        try:
            async with self._session.request(
                method, self._url + path, data=body, headers=headers
            ) as response:
                if not response.ok:
                    raise Refused(await self._explained(f"{method} {path}", response))
                return await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
            raise Refused(f"{self._url} went away during {method} {path}: {reason}") from error

    async def _explained(self, request: str, response: aiohttp.ClientResponse) -> str:
        if response.status == 401:
            return (
                f"{self._url} doesn't know the token: name its root token in SHEAF_ROOT_TOKEN or with --token"
            )
        try:
            said = await response.json(content_type=None)
            return f"{request} got {response.status} {_reason(said)}"
        except (ValueError, KeyError, TypeError):
            return f"{request} got {response.status} from {self._url}, and not from Sheaf"


def _reason(said: dict[str, Any]) -> str:
    """Return what a refusal says: a problem's code and faults, or the upload dialect's message and errors."""
    if "code" in said:
        head = f"{said['code']}: {said['detail']}"
        faults = [f"  {each['pointer']}: {each['detail']}" for each in said.get("errors", ())]
    else:
        head, faults = said["message"], [f"  {each}" for each in said.get("errors", ())]
    more = [f"  and {len(faults) - SHOWN_FAULTS:,} more"] if len(faults) > SHOWN_FAULTS else []
    return "\n".join([head, *faults[:SHOWN_FAULTS], *more])
