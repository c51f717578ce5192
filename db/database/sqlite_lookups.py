"""Look-ups of a few keys on SQLite: those that wait together take one hop to a thread together.

A hop (a queue, two wake-ups, a fight for the interpreter's lock) costs several times what such a statement does.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from db.database.interface import Reader
from db.database.sqlite_sessions import bound, compiled, translated_reads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from db.database.interface import Database, Row, Statement


class _Asked(NamedTuple):
    sql: str
    values: Sequence[object]
    answer: asyncio.Future[list[Row]]


class Lookups:
    """One thread with one connection, opened at need, and again after an error."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._connection: sqlite3.Connection | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-lookups")
        self._waiting: list[_Asked] = []
        self._running: asyncio.Task[None] | None = None

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return int(self._connection is not None)

    async def fetch(self, sql: str, values: Sequence[object]) -> list[Row]:
        """Run one statement and return all its rows."""
        answer: asyncio.Future[list[Row]] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Asked(sql, values, answer))
        if self._running is None:
            self._running = asyncio.ensure_future(self._run())
        return await answer

    async def close(self) -> None:
        """End the thread and close the connection."""
        if self._running is not None:
            await self._running
        await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
        self._thread.shutdown(wait=False)

    async def _run(self) -> None:
        """Work off what waits; what is asked meanwhile goes with the next hop."""
        loop = asyncio.get_running_loop()
        while self._waiting:
            asked, self._waiting = self._waiting, []
            answers = await loop.run_in_executor(self._thread, self._answer, asked)
            for each, answer in zip(asked, answers, strict=True):
                if each.answer.done():
                    continue  # nobody waits for it any more
                if isinstance(answer, BaseException):
                    each.answer.set_exception(answer)
                else:
                    each.answer.set_result(answer)
        self._running = None

    def _answer(self, asked: Sequence[_Asked]) -> list[list[Row] | Exception]:
        """Run statements in the thread; each fails alone."""
        answers: list[list[Row] | Exception] = []
        for each in asked:
            try:
                if self._connection is None:
                    self._connection = self._connect()
                answers.append(self._connection.execute(each.sql, each.values).fetchall())
            except Exception as error:  # noqa: BLE001 - it belongs to whoever asked
                answers.append(error)
                if isinstance(error, sqlite3.DatabaseError):
                    self._disconnect()
        return answers

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class LookupSession(Reader):
    """A brief reading session; it holds nothing."""

    __slots__ = ("_database", "_lookups", "_name")

    def __init__(self, database: Database, lookups: Lookups, name: str) -> None:
        self._database = database
        self._lookups = lookups
        self._name = name

    async def fetch(self, statement: Statement, parameters: Mapping[str, object]) -> Sequence[Row]:
        """Run one statement and return all its rows."""
        text = compiled(statement)
        began = time.perf_counter()
        try:
            return await self._lookups.fetch(text.sql, bound(text, parameters))
        except sqlite3.Error as error:
            with translated_reads():
                raise error
        finally:
            if self._database.observer:
                self._database.observer.statement(self._name, text.sql, time.perf_counter() - began)

    async def __aenter__(self) -> Reader:
        """Begin."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """End."""
