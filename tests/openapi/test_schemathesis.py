"""Every route is called with what openapi.json allows and forbids, by Schemathesis, on a live server."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from app.rest.door import ROUTER
from app.samples import DEFINITION, SAMPLES
from tests.server import ROOT_TOKEN, serving

PROJECT = Path(__file__).parents[2]
CONFIG = "tests/openapi/schemathesis.toml"
PHASES = "--phases=examples,coverage,fuzzing,stateful"
# The nouns have the same routes and code, so one of them stands for all; the full run takes each, on both databases.
SHARES = {"sqlite": ("tag-groups", "server"), "postgresql": ("tags", "tokens", "batch")}
# Who isn't narrowed to a scope gets one answer from all of these.
UPLOADS = ("schema-definitions", "records", "batches")
SHARE_EXAMPLES = 3
FULL_EXAMPLES = 100
FULL_LIMIT_S = 3_600


async def test_a_share_of_the_routes_keeps_what_the_document_promises(database_url: str) -> None:
    tags = [f"--include-tag={tag}" for tag in SHARES[database_url.partition(":")[0]]]
    report = await call_every_route(
        database_url, *tags, "--generation-deterministic", f"--max-examples={SHARE_EXAMPLES}"
    )
    assert "No issues found" in report, report


async def test_uploads_keep_what_the_document_promises(database_url: str) -> None:
    tags = [f"--include-tag={tag}" for tag in UPLOADS]
    options = (*tags, "--generation-deterministic", f"--max-examples={SHARE_EXAMPLES}")
    report = await call_every_route(database_url, *options, scope="scope_acme")
    assert "No issues found" in report, report


@pytest.mark.soak
@pytest.mark.timeout(FULL_LIMIT_S)
async def test_uploads_keep_what_the_document_promises_at_length(database_url: str) -> None:
    tags = [f"--include-tag={tag}" for tag in UPLOADS]
    options = (*tags, f"--max-examples={FULL_EXAMPLES}")
    report = await call_every_route(database_url, *options, scope="scope_acme")
    assert "No issues found" in report, report


@pytest.mark.soak
@pytest.mark.timeout(FULL_LIMIT_S)
async def test_every_route_keeps_what_the_document_promises(database_url: str) -> None:
    report = await call_every_route(database_url, f"--max-examples={FULL_EXAMPLES}")
    assert "No issues found" in report, report
    assert f"Tested: {len(ROUTER.routes)}" in report, report


async def call_every_route(database_url: str, *options: str, scope: str | None = None) -> str:
    """Run Schemathesis on a server that holds the seeds' objects, and return what it printed.

    It is the root token's holder, or the admin of a scope, which has a schema definition.
    """
    async with serving(database_url) as server:
        for sample in SAMPLES:
            await server.root.created(sample.path, sample.body)
        token = ROOT_TOKEN
        if scope is not None:
            token = await server.token(scope, role="admin")
            await server.client(token).created("/partner/schema-definitions", DEFINITION)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "schemathesis.cli",
            f"--config-file={CONFIG}",
            "run",
            "openapi.json",
            f"--url={server.url}",
            f"--header=Authorization: Bearer {token}",
            PHASES,
            "--no-color",
            "--warnings=off",
            *options,
            cwd=PROJECT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            output, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    return output.decode()
