"""The examples of uploads in Chromium: a record that waits, watched until what it waits for is there."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import expect

from tests.browser.explorer import Explorer, visiting

if TYPE_CHECKING:
    from playwright.async_api import Browser

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

TICKET = {"id": "resource_type_ticket", "key": "ticket"}


async def test_an_upload_waits_and_is_watched_until_another_window_brings_what_it_waits_for(
    browser: Browser, own_server_url: str
) -> None:
    async with visiting(browser, own_server_url) as explorer:
        await explorer.connect()
        for operation in ("CreateCompany", "CreateCatalogue"):
            await explorer.run(operation)

        uploaded = await explorer.run("UploadTickets")
        [types] = uploaded["createResourceTypes"]["results"]
        assert types == {"outcome": "CREATED", "resourceType": TICKET, "errors": []}
        batch_id = accepted(uploaded, total=2)

        await watch(explorer, batch_id)
        await explorer.has_text("response.json", '"waitsFor"')
        waiting = await shown(explorer)
        [parked] = waiting["waiting"].pop("nodes")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", parked.pop("expiresAt"))
        assert parked == {
            "externalId": "ticket-2",
            "waitsFor": [{"resourceTypeKey": "ticket", "externalId": "ticket-3"}],
        }
        assert waiting == {"status": "PENDING", "counts": counts(succeeded=1, waiting=1), "waiting": {}}

        other = await another_window(explorer)
        accepted(await other.run("UploadMissing"), total=1)

        await explorer.has_text("response.json", "SUCCESS")
        assert await shown(explorer) == {
            "status": "SUCCESS",
            "counts": counts(succeeded=2, waiting=0),
            "waiting": {"nodes": []},
        }
        # The subscription ends with the batch.
        await expect(explorer.page.get_by_role("button", name="Execute query")).to_be_visible()


async def test_a_batch_that_is_not_there_is_told(explorer: Explorer) -> None:
    await explorer.connect()
    await explorer.choose("WatchUpload")
    await explorer.page.locator(".graphiql-execute-button").click()
    await explorer.has_text("response.json", "no batch batch_…")


async def watch(explorer: Explorer, batch_id: str) -> None:
    """Run the subscription for a batch."""
    await explorer.choose("WatchUpload")
    await explorer.fill_in("batch_…", batch_id)
    await explorer.page.locator(".graphiql-execute-button").click()


async def another_window(explorer: Explorer) -> Explorer:
    """Open the explorer once more in the same browser, which knows the token."""
    page = await explorer.page.context.new_page()
    explorer.watch.over(page)
    other = Explorer(page, explorer.watch)
    await other.open()
    await expect(other.state).to_have_text("Connected")
    return other


async def shown(explorer: Explorer) -> dict[str, Any]:
    """Return the batch that the last event tells."""
    answer = json.loads(await explorer.text("response.json"))
    assert "errors" not in answer, answer
    batch: dict[str, Any] = answer["data"]["batchProgress"]
    return batch


def accepted(data: dict[str, Any], *, total: int) -> str:
    """Return the id of the batch that an upload was accepted as."""
    payload = data["uploadResources"]
    batch_id = payload["batch"].pop("id")
    assert payload == {"batch": {"status": "QUEUED", "counts": {"total": total}}, "errors": []}
    assert re.fullmatch(r"batch_[0-9a-f-]{36}", batch_id)
    return str(batch_id)


def counts(*, succeeded: int, waiting: int) -> dict[str, int]:
    """Return how far the two tickets have got."""
    return {"total": 2, "succeeded": succeeded, "waiting": waiting, "failed": 0}
