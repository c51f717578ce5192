"""The time limit: reads are given up, writes that have begun are not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from app.limits import within
from app.settings import BadSetting, Settings
from db.database import open_database
from db.errors import Unavailable
from tests import factories
from tests.server import serving

if TYPE_CHECKING:
    from tests.http.conftest import Start


async def test_a_read_that_takes_too_long_is_503_with_a_time_to_come_again(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start(time_limit_s=0.3) as server:
        plain = server.database.read

        def slow(name: str, **kw: Any) -> Any:
            return _Slowly(plain(name, **kw), seconds=20)

        assert (await server.root.get("/scopes")).status == 200
        monkeypatch.setattr(server.database, "read", slow)
        for path in ("/scopes", "/scopes/scope_acme"):
            reply = await server.root.get(path)
            assert (reply.status, reply.code) == (503, "overloaded")
            assert "0.3 s" in reply.json["detail"]
            assert int(reply.headers["Retry-After"]) >= 1
        monkeypatch.undo()
        assert (await server.root.get("/scopes")).status == 200


class _Slowly:
    """A session that takes its time to open."""

    def __init__(self, session: Any, *, seconds: float) -> None:
        self._session = session
        self._seconds = seconds

    async def __aenter__(self) -> Any:
        """Wait, then open it."""
        await asyncio.sleep(self._seconds)
        return await self._session.__aenter__()

    async def __aexit__(self, *error: object) -> Any:
        """Close it."""
        return await self._session.__aexit__(*error)


async def test_a_statement_that_takes_too_long_is_503_and_its_connection_serves_on(
    postgresql_url: str,
) -> None:
    async with serving(postgresql_url, time_limit_s=0.5, pool_size=1) as server:
        await factories.catalogue(server.database)
        other = open_database(postgresql_url)
        locked, go_on = asyncio.Event(), asyncio.Event()

        async def hold(tx: Any) -> None:
            await tx._fetch("lock table scopes in access exclusive mode")
            locked.set()
            await go_on.wait()

        holding = asyncio.ensure_future(other.write("hold", hold))
        await locked.wait()
        reply = await server.root.get("/scopes")
        assert (reply.status, reply.code) == (503, "overloaded")
        go_on.set()
        await holding
        assert (await server.root.get("/scopes")).status == 200
        await other.close()


async def test_a_write_that_has_begun_is_answered_however_long_it_takes(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start(time_limit_s=0.3) as server:
        plain = server.database._once

        async def slow(*how: Any) -> Any:
            answer = await plain(*how)
            await asyncio.sleep(0.6)
            return answer

        monkeypatch.setattr(server.database, "_once", slow)
        reply = await server.root.post("/scopes", {"parentScopeId": "scope_acme", "name": "New"})
        assert reply.status == 201
        monkeypatch.undo()
        assert await server.root.read(f"/scopes/{reply.json['id']}") == reply.json


async def test_a_write_that_waits_too_long_for_its_turn_is_503_and_stores_nothing(start: Start) -> None:
    async with start(time_limit_s=0.3) as server:
        before = await server.root.everything()
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def hold(tx: object) -> None:
            begun.set()
            await go_on.wait()

        holding = asyncio.ensure_future(server.database.write("hold", hold))
        await begun.wait()
        reply = await server.root.post("/scopes", {"parentScopeId": "scope_acme", "name": "New"})
        assert (reply.status, reply.code) == (503, "overloaded")
        assert "Retry-After" in reply.headers
        go_on.set()
        await holding
        assert await server.root.everything() == before
        assert (
            await server.root.post("/scopes", {"parentScopeId": "scope_acme", "name": "New"})
        ).status == 201


async def test_what_ends_in_time_is_let_be() -> None:
    async with within(10):
        await asyncio.sleep(0)
    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]  # a test runs in one


async def test_an_error_inside_is_told_as_it_is() -> None:
    with pytest.raises(ValueError, match="mine"):
        async with within(10):
            raise ValueError("mine")


async def test_what_takes_too_long_is_refused_once_and_nothing_stays_cancelled() -> None:
    with pytest.raises(Unavailable, match=r"longer than 0\.05 s"):
        async with within(0.05):
            await asyncio.sleep(10)
    assert asyncio.current_task().cancelling() == 0  # type: ignore[union-attr]  # a test runs in one
    await asyncio.sleep(0)


async def test_somebody_elses_cancellation_goes_on() -> None:
    async def work() -> None:
        async with within(10):
            await asyncio.sleep(10)

    task = asyncio.ensure_future(work())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("name", ["TIME_LIMIT_S", "BODY_TIMEOUT_S", "HEADER_TIMEOUT_S", "KEEPALIVE_S"])
def test_a_limit_of_no_time_is_refused(name: str) -> None:
    for text in ("0", "-1", "inf", "nan", "soon"):
        with pytest.raises(BadSetting, match=name):
            Settings.read({f"SHEAF_{name}": text})
    assert getattr(Settings.read({f"SHEAF_{name}": "0.5"}), name.lower()) == 0.5
