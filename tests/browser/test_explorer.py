"""The explorer in Chromium, served by a real server."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import expect

from tests.browser.explorer import OVERFLOW, visiting
from tests.browser.process import PROJECT, ROOT_TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from playwright.async_api import Browser, ViewportSize

    from tests.browser.explorer import Explorer, Scheme

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

CHANGES = ["CreateCompany", "CreateCatalogue", "CreateResources", "TagResources"]
QUERIES = ["BrowseCatalogue", "ReadResource"]

# How each document that the bar links to begins.
DOCUMENTS = {"Tour": "# Sheaf\n\n## Tour\n", "Schema": '"""', "OpenAPI": "{"}

DOCUMENT = {"id": "resource_type_document", "key": "document"}
FOLDER = {"id": "resource_type_folder", "key": "folder"}
COMPANY = {"id": "scope_acme", "name": "Acme"}
TEAM = {"id": "scope_engineering", "name": "Engineering"}
LABELS = {"high": "High Priority", "medium": "Medium Priority", "low": "Low Priority"}
ROADMAP = {"id": "resource_doc-123", "displayName": "Project Roadmap"}
SPECIFICATION = {"id": "resource_doc-456", "displayName": "API Specification"}

# Whether all grounds are light and all text in the editors is dark, or the other way round.
IS_IN_COLOUR = """(scheme) => {
  const lightness = (colour) => {
    const [red, green, blue] = colour.match(/[\\d.]+/g).map(Number);
    return 0.299 * red + 0.587 * green + 0.114 * blue;
  };
  const all = (selectors, property) => [...document.querySelectorAll(selectors)]
    .map((element) => lightness(getComputedStyle(element)[property]));
  const grounds = all('.sheaf, .graphiql-container, .graphiql-editors', 'backgroundColor');
  const inks = all('.graphiql-editors .view-line span[class*=mtk]', 'color');
  return scheme === 'light'
    ? Math.min(...grounds) > 200 && Math.max(...inks) < 128
    : Math.max(...grounds) < 80 && Math.min(...inks) > 100;
}"""
# GraphiQL moves a closed panel out of sight.
PANES = (
    ".graphiql-sidebar, .graphiql-plugin:not([style*='-1000px']), .graphiql-query-editor, .graphiql-response"
)
BOXES = """(selectors) => [...document.querySelectorAll(selectors)].map((element) => {
  const { left, top, right, bottom } = element.getBoundingClientRect();
  return [element.className || element.tagName, left, top, right, bottom];
})"""


async def test_asks_for_a_token_and_sends_nothing_without_one(explorer: Explorer) -> None:
    await expect(explorer.state).to_have_text("No token")
    await expect(explorer.notice).to_contain_text("Paste the token that make serve printed")
    assert "/graphql" not in explorer.watch.requests

    response = await explorer.click_run("CreateCompany")

    assert response.status == 401
    await expect(explorer.notice).to_contain_text("The server asks for a token")


async def test_remembers_the_token(explorer: Explorer) -> None:
    await explorer.connect()
    await expect(explorer.notice).to_have_count(0)

    await explorer.page.reload()
    await explorer.ready()

    await expect(explorer.state).to_have_text("Connected")
    await expect(explorer.token).to_have_value(ROOT_TOKEN)


async def test_says_that_a_token_or_a_tenant_was_refused(explorer: Explorer) -> None:
    await explorer.enter(explorer.token, "wrong-token")

    await expect(explorer.state).to_have_text("Refused")
    await expect(explorer.notice).to_contain_text("The server did not accept this token")

    # As it may be copied out of a curl line.
    await explorer.connect(f"Authorization: Bearer {ROOT_TOKEN}")

    await expect(explorer.token).to_have_value(ROOT_TOKEN)
    await expect(explorer.notice).to_have_count(0)

    await explorer.enter(explorer.tenant, "Zürich")

    await expect(explorer.state).to_have_text("No such tenant")
    await expect(explorer.notice).to_contain_text("This token reaches no tenant “Zürich”")


async def test_examples_lead_from_an_empty_database_to_a_nested_query_and_events(
    browser: Browser, own_server_url: str
) -> None:
    async with visiting(browser, own_server_url) as explorer:
        await expect(explorer.tabs).to_have_text(operations_of_examples())
        await explorer.connect()

        first = {operation: await explorer.run(operation) for operation in CHANGES}
        shown = {operation: await explorer.run(operation) for operation in QUERIES}
        again = {operation: await explorer.run(operation) for operation in CHANGES}
        shown_again = {operation: await explorer.run(operation) for operation in QUERIES}
        watched = await explorer.watch_changes(a_new_folder)

    assignments = ids_of_assignments(first)
    cursor = shown["BrowseCatalogue"]["scopes"]["pageInfo"]["endCursor"]
    assert cursor
    assert first == changes("CREATED", assignments=assignments)
    assert shown == {"BrowseCatalogue": everything(cursor), "ReadResource": one_resource()}
    assert again == changes("UNCHANGED", assignments=assignments)
    assert shown_again == shown
    change = watched["resourcesChanged"]
    [changed] = change.pop("ids")
    assert re.fullmatch(r"resource_folder-\d+", changed)
    assert change == {"scopeId": "scope_engineering", "kind": "CREATED", "more": False}


async def test_opens_an_example_again_from_the_panel(explorer: Explorer) -> None:
    await explorer.page.get_by_role("button", name="Show Examples").click()

    await explorer.examples.get_by_role("button", name="Tag the resources").click()

    await expect(explorer.tabs).to_have_count(len(operations_of_examples()) + 1)
    await explorer.has_text("operation.graphql", "mutation TagResources")
    await explorer.has_text("variables.json", "tag_high")


async def test_documentation_tells_what_can_be_read(explorer: Explorer) -> None:
    await explorer.connect()
    await explorer.show_documentation()

    await explorer.documentation.get_by_role("link", name="Query", exact=True).click()

    await expect(explorer.documentation.locator(".graphiql-doc-explorer-title")).to_have_text("Query")
    await expect(explorer.documentation).to_contain_text("scopes(")


async def test_completes_a_field_by_typing(explorer: Explorer) -> None:
    await explorer.connect()
    await explorer.page.get_by_role("button", name="New tab").click()
    await explorer.query.locator(".view-lines").click()

    await explorer.page.keyboard.type("{ resourceT")
    offers = explorer.page.locator(".suggest-widget.visible .monaco-list-row")
    await expect(offers.first).to_contain_text("resourceType")
    await offers.filter(has_text="resourceTypes").click()

    await explorer.has_text("operation.graphql", "{ resourceTypes")


async def test_works_without_any_other_host(explorer: Explorer) -> None:
    await explorer.connect()
    await explorer.run("BrowseCatalogue")
    await explorer.show_documentation()

    assert set(explorer.watch.requests) > {"/", "/graphql"}
    assert [path for path in explorer.watch.requests if not re.match(r"/$|/graphql$|/explorer/", path)] == []
    # One is opened by the first subscription only.
    assert explorer.watch.sockets == []


async def test_policy_forbids_requests_to_another_host(browser: Browser, server_url: str) -> None:
    with pytest.raises(AssertionError, match="Content Security Policy"):
        await call_another_host(browser, server_url)


@pytest.mark.parametrize(
    "size", [{"width": 1280, "height": 800}, {"width": 800, "height": 600}], ids=["1280", "800"]
)
async def test_fits_the_window_and_wears_the_colours_of_system_or_settings(
    browser: Browser, server_url: str, size: ViewportSize
) -> None:
    async with visiting(browser, server_url, size=size, scheme="dark") as explorer:
        await check_fit(explorer)
        await check_colours(explorer, "dark")

        await explorer.connect()
        await explorer.run("BrowseCatalogue")
        await check_fit(explorer)
        await expect(explorer.page.locator(".graphiql-tab-active")).to_be_in_viewport(ratio=0.9)

        await explorer.show_documentation()
        await check_fit(explorer)
        await expect(explorer.page.locator(".graphiql-tab-active")).to_be_in_viewport(ratio=0.9)

        await explorer.page.emulate_media(color_scheme="light")
        await check_fit(explorer)
        await check_colours(explorer, "light")

        await explorer.choose_theme("Dark")
        await check_colours(explorer, "dark")


async def test_links_lead_to_documents_and_the_tour_to_a_page(explorer: Explorer) -> None:
    for name, beginning in DOCUMENTS.items():
        address = await explorer.links.filter(has_text=name).get_attribute("href")
        assert address
        response = await explorer.page.request.get(address)
        assert response.status == 200, address
        assert (await response.text()).startswith(beginning)
    await expect(explorer.links).to_have_count(len(DOCUMENTS))

    async with explorer.page.expect_popup() as opened:
        await explorer.links.filter(has_text="Tour").click()
    tour = await opened.value
    explorer.watch.over(tour)

    await expect(tour).to_have_title("Tour of Sheaf")
    text = await tour.locator("pre").inner_text()
    title, section = text.split("\n\n", 1)
    assert title == "# Sheaf"
    assert section.startswith("## Tour\n")
    assert "\n## " not in section
    assert section.rstrip() + "\n\n## " in (PROJECT / "README.md").read_text(encoding="utf-8")
    assert await tour.evaluate(OVERFLOW) <= 0
    assert await tour.evaluate("window.violations") == []


async def call_another_host(browser: Browser, url: str) -> None:
    """Do in the page what its policy forbids, which the watch over it must see."""
    async with visiting(browser, url) as explorer:
        outcome = await explorer.page.evaluate("fetch('https://example.org/').catch(({ name }) => name)")
        assert outcome == "TypeError"
        assert await explorer.violations() == ["connect-src https://example.org/"]


async def check_fit(explorer: Explorer) -> None:
    """Assert that nothing reaches beyond the window and that no part lies on another."""
    assert explorer.page.viewport_size
    assert await explorer.page.evaluate(OVERFLOW) <= 0
    for selectors in (".sheaf-bar > *", ".sheaf > *", PANES):
        boxes = await explorer.page.evaluate(BOXES, selectors)
        assert boxes
        for name, left, top, right, bottom in boxes:
            assert left >= 0, name
            assert top >= 0, name
            assert right <= explorer.page.viewport_size["width"], name
            assert bottom <= explorer.page.viewport_size["height"], name
        assert overlapping(boxes) == []


def overlapping(boxes: list[tuple[str, float, float, float, float]]) -> list[tuple[str, str]]:
    """Return the names of the boxes that share more than a rounded edge."""
    return [
        (one[0], other[0])
        for position, one in enumerate(boxes)
        for other in boxes[position + 1 :]
        if min(one[3], other[3]) - max(one[1], other[1]) > 0.5
        and min(one[4], other[4]) - max(one[2], other[2]) > 0.5
    ]


async def check_colours(explorer: Explorer, scheme: Scheme) -> None:
    """Wait until the bar, GraphiQL and its editors are in the light or the dark colours."""
    await explorer.page.wait_for_function(IS_IN_COLOUR, arg=scheme)


def operations_of_examples() -> list[str]:
    """Return the names of the operations that the examples hold, one each."""
    files = sorted((PROJECT / "explorer" / "src" / "examples").glob("*.graphql"))
    names = [
        re.search(r"^(?:query|mutation|subscription) (\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
        for file in files
    ]
    return [name[1] for name in names if name]


def changes(outcome: str, *, assignments: list[str]) -> dict[str, Any]:
    """Return the data of the examples that create something."""

    def results(noun: str, *objects: dict[str, Any]) -> dict[str, Any]:
        return {"results": [{"outcome": outcome, noun: each, "errors": []} for each in objects]}

    def counted(noun: str, *objects: dict[str, Any]) -> dict[str, Any]:
        indexed = [
            {"index": index, **result} for index, result in enumerate(results(noun, *objects)["results"])
        ]
        return {"count": len(objects) if outcome == "CREATED" else 0, "committed": True, "results": indexed}

    return {
        "CreateCompany": {"createScopes": counted("scope", COMPANY)},
        "CreateCatalogue": {
            "createScopes": results("scope", TEAM),
            "createResourceTypes": results("resourceType", DOCUMENT, FOLDER),
            "createTagGroups": results("tagGroup", {"id": "tag_group_priority", "key": "priority"}),
        },
        "CreateResources": {
            "createTags": results(
                "tag", *({"id": f"tag_{identifier}", "label": label} for identifier, label in LABELS.items())
            ),
            "createResources": results("resource", ROADMAP, SPECIFICATION),
        },
        "TagResources": {"tagResources": counted("assignment", *({"id": each} for each in assignments))},
    }


def a_new_folder(number: int) -> dict[str, Any]:
    """Return a request that creates a resource."""
    query = "mutation Add($new: CreateResourceInput!) { createResources(input: [$new]) { committed } }"
    new = {
        "id": f"resource_folder-{number}",
        "scopeId": "scope_engineering",
        "resourceTypeId": "resource_type_folder",
        "externalResourceId": f"folder-{number}",
    }
    return {"query": query, "variables": {"new": new}}


def ids_of_assignments(data: dict[str, Any]) -> list[str]:
    """Return the ids that the server made, two different ones."""
    ids = [result["assignment"]["id"] for result in data["TagResources"]["tagResources"]["results"]]
    assert len(set(ids)) == 2
    return ids


def page_of(nodes: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return a connection that was asked for its nodes."""
    return {"edges": [{"node": node} for node in nodes]}


def tags(*identifiers: str) -> dict[str, Any]:
    """Return a connection of tags."""
    return page_of({"identifier": identifier, "label": LABELS[identifier]} for identifier in identifiers)


def everything(cursor: str) -> dict[str, Any]:
    """Return the data of the nested query, the cursor of its page being the server's to choose."""
    types = [{"key": "document", "name": "Document"}, {"key": "folder", "name": "Folder"}]
    company = {
        **COMPANY,
        "children": page_of([TEAM]),
        "resourceTypes": page_of(types),
        "tagGroups": page_of([{"name": "Priority", "tags": tags("high", "low", "medium")}]),
        "resources": page_of([]),
    }
    resources = [
        ("Project Roadmap", "doc-123", "high"),
        ("API Specification", "doc-456", "medium"),
    ]
    team = {
        **TEAM,
        "children": page_of([]),
        "resourceTypes": page_of([]),
        "tagGroups": page_of([]),
        "resources": page_of(
            {
                "displayName": name,
                "externalResourceId": external_id,
                "resourceType": {"name": "Document"},
                "tags": tags(tag),
            }
            for name, external_id, tag in resources
        ),
    }
    end = {"hasNextPage": False, "endCursor": cursor}
    return {"scopes": {**page_of([company, team]), "pageInfo": end}}


def one_resource() -> dict[str, Any]:
    """Return the data of the query for one resource."""
    return {
        "resource": {
            **ROADMAP,
            "data": {"status": "review", "pages": 12},
            "scope": TEAM,
            "resourceType": {"key": "document", "name": "Document"},
            "tags": tags("high"),
        },
        "node": {"id": "tag_high", "label": "High Priority"},
    }
