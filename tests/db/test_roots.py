"""The roots are remembered for as long as nobody makes or deletes one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from db import engine
from db.access import SYSTEM
from db.commands import Delete, Target
from db.database import open_database
from db.roots import Roots
from db.scopes import SCOPES, NewScope
from db.tags import TAGS
from db.tokens import CHANNEL
from tests.factories import create, new_tag

if TYPE_CHECKING:
    from db.access import Reach
    from db.database import Database

AGES_S = 3_600.0


@pytest.fixture
async def roots(acme: Database) -> Roots:
    """Return the roots of the small catalogue, which are remembered."""
    roots = Roots(acme, remember_s=AGES_S)
    await acme.listens()
    await roots.found()
    return roots


def ids(found: list[Reach] | None) -> list[str] | None:
    """Return the ids of roots, `None` if they aren't known."""
    return None if found is None else [each.root_id for each in found]


async def add(database: Database, root: str) -> None:
    """Make a root."""
    await create(database, SCOPES, NewScope(id=root, name="Root"))


async def delete(database: Database, root: str) -> None:
    """Delete a root."""
    assert (await engine.run(database, SYSTEM, Delete(SCOPES, [Target(root)]))).committed


async def test_what_is_no_root_leaves_them_known(acme: Database, roots: Roots) -> None:
    await create(acme, TAGS, new_tag("tag_new", "tag_group_topic"))
    await create(acme, SCOPES, NewScope(id="scope_below", parent_scope_id="scope_sales", name="Below"))
    assert ids(roots.known) == ["scope_acme"]


async def test_a_root_that_comes_or_goes_is_seen_by_the_next_who_asks(acme: Database, roots: Roots) -> None:
    await add(acme, "scope_globex")
    assert roots.known is None
    assert ids(await roots.found()) == ["scope_acme", "scope_globex"]
    await delete(acme, "scope_globex")
    assert roots.known is None
    assert ids(await roots.found()) == ["scope_acme"]


async def test_roots_that_change_while_they_are_read_are_not_remembered(acme: Database) -> None:
    roots = Roots(acme, remember_s=AGES_S)
    for number in range(20):
        root = f"scope_-{number % 2}"
        change = delete if number >= 2 and number % 4 >= 2 else add
        await asyncio.gather(change(acme, root), *(roots.found() for _ in range(3)))
        known = ids(roots.known)
        assert known in (None, ids(await Roots(acme).found()))


async def test_by_default_nothing_is_remembered(acme: Database) -> None:
    roots = Roots(acme)
    assert ids(await roots.found()) == ["scope_acme"]
    assert roots.known is None


async def test_a_root_that_another_process_makes_is_heard_of(postgresql_url: str) -> None:
    one, other = open_database(postgresql_url), open_database(postgresql_url)
    roots, heard = Roots(one, remember_s=AGES_S), asyncio.Event()
    one.listen(CHANNEL, lambda _: heard.set())
    await one.listens()
    for change, left in ((add, ["scope_globex"]), (delete, [])):
        await roots.found()
        heard.clear()
        assert ids(roots.known) is not None
        await change(other, "scope_globex")
        async with asyncio.timeout(5):
            await heard.wait()
        assert ids(roots.known) is None
        assert ids(await roots.found()) == left
    await one.close()
    await other.close()
