"""Chromium, and a server for it to visit."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright, expect

from tests.browser.explorer import TIME_LIMIT_MS, visiting
from tests.browser.process import PROJECT, running_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from playwright.async_api import Browser

    from tests.browser.explorer import Explorer

CHROMIUM_ARGUMENTS = [
    # Chromium's sandbox refuses to run as root and in many containers; here it sees our own pages only.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    # Its own calls home are no requests of the page, and tests run without the internet.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def built_explorer() -> None:
    """Ask for the explorer's files, which `make explorer` builds."""
    if (PROJECT / "explorer" / "dist" / "index.html").is_file():
        return
    missing = "the explorer isn't built: run `make explorer`"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


@pytest.fixture(scope="session")
def server_url(built_explorer: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a server whose catalogue stays empty."""
    with running_server(tmp_path_factory.mktemp("server")) as url:
        yield url


@pytest.fixture
def own_server_url(built_explorer: None, tmp_path: Path) -> Iterator[str]:
    """Run a server with an empty catalogue that only this test knows."""
    with running_server(tmp_path) as url:
        yield url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium: str | None) -> AsyncIterator[Browser]:
    """Run one browser for all tests."""
    expect.set_options(timeout=TIME_LIMIT_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def explorer(browser: Browser, server_url: str) -> AsyncIterator[Explorer]:
    """Open the explorer for the first time, without a token."""
    async with visiting(browser, server_url) as explorer:
        yield explorer
