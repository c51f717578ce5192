"""The explorer as its user handles it, and a watch over what its page must not do."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from playwright.async_api import Page, expect
from playwright.async_api import TimeoutError as TookTooLong

from tests.browser.process import ROOT_TOKEN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from typing import Literal

    from playwright.async_api import (
        Browser,
        ConsoleMessage,
        Error,
        Locator,
        Request,
        Response,
        ViewportSize,
        WebSocket,
    )

    Scheme = Literal["light", "dark"]

DESKTOP: ViewportSize = {"width": 1280, "height": 800}
TIME_LIMIT_MS = 30_000
EVENT_LIMIT_MS = 1_000
# What the page makes out of its own bytes.
LOCAL_SCHEMES = frozenset({"data", "blob"})
# What Chromium says of every answer from 400 on, wanted or not.
REFUSED = "Failed to load resource: the server responded with a status of 4"

RECORD_VIOLATIONS = """
window.violations = [];
document.addEventListener('securitypolicyviolation', (event) =>
  window.violations.push(`${event.effectiveDirective} ${event.blockedURI}`));
"""

# The editors draw only the lines in view, so whole texts are read from their models.
TEXT = """(name) => globalThis.__MONACO.editor.getModels()
  .find((model) => model.uri.path.endsWith(name))?.getValue() ?? ''"""
HAS_TEXT = f"([name, text]) => ({TEXT})(name).includes(text)"

# GraphiQL reads an operation out of the editor a moment after its text has changed, and stores the text with it.
OPERATION_IS_READ = f"() => localStorage.getItem('graphiql:query') === ({TEXT})('operation.graphql')"

VARIABLES_ARE_READ = f"""(text) => {{
  const read = localStorage.getItem('graphiql:variables');
  return read?.includes(text) && read === ({TEXT})('variables.json');
}}"""

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@dataclass
class Watch:
    """What a page did that it must not do."""

    host: str
    foreign: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    sockets: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def over(self, page: Page) -> None:
        """Begin to watch a page."""
        page.on("request", self._request)
        page.on("websocket", self._socket)
        page.on("console", self._console)
        page.on("pageerror", self._error)

    def _request(self, request: Request) -> None:
        self._address(request.url)

    def _socket(self, socket: WebSocket) -> None:
        self.sockets.append(socket.url)
        self._address(socket.url)

    def _address(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in LOCAL_SCHEMES:
            return
        if parts.netloc == self.host:
            self.requests.append(parts.path)
        else:
            self.foreign.append(url)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(REFUSED):
            self.complaints.append(f"{message.type}: {message.text}")

    def _error(self, error: Error) -> None:
        self.complaints.append(f"uncaught: {error.message}")


class Explorer:
    """A page with the explorer in it."""

    def __init__(self, page: Page, watch: Watch) -> None:
        self.page = page
        self.watch = watch
        self.token = page.locator("#token")
        self.tenant = page.locator("#tenant")
        self.state = page.locator("#connection")
        self.notice = page.locator("#notice")
        self.tabs = page.locator(".graphiql-tab-button")
        self.query = page.locator(".graphiql-query-editor")
        self.variables = page.locator(".graphiql-editor-tool")
        self.result = page.locator(".graphiql-response")
        self.documentation = page.locator(".graphiql-doc-explorer")
        self.examples = page.locator(".sheaf-examples")
        self.links = page.locator(".sheaf-links a")

    async def open(self) -> None:
        """Load the page anew."""
        await self.page.goto("/")
        await self.ready()

    async def ready(self) -> None:
        """Wait until the editor shows its text."""
        await expect(self.query.locator(".view-line").first).not_to_be_empty()

    async def enter(self, into: Locator, text: str) -> None:
        """Type a token or a tenant and press Enter."""
        await into.fill(text)
        await into.press("Enter")

    async def connect(self, token: str = ROOT_TOKEN) -> None:
        """Enter a token that the server takes."""
        await self.enter(self.token, token)
        await expect(self.state).to_have_text("Connected")

    async def text(self, name: str) -> str:
        """Return the whole text of an editor: `operation.graphql`, `variables.json` or `response.json`."""
        text: str = await self.page.evaluate(TEXT, name)
        return text

    async def has_text(self, name: str, text: str) -> None:
        """Wait until an editor has a text in it."""
        await self.page.wait_for_function(HAS_TEXT, arg=[name, text])

    async def choose(self, operation: str) -> None:
        """Click a tab."""
        tab = self.tabs.filter(has_text=operation)
        shown = await self.text("operation.graphql")
        await tab.click()
        if operation not in shown:
            await self.has_text("operation.graphql", operation)
            await self.page.wait_for_function(OPERATION_IS_READ)

    async def fill_in(self, placeholder: str, text: str) -> None:
        """Double-click a word of the variables and put a text in its place."""
        await self.variables.get_by_text(placeholder).dblclick()
        await self.page.keyboard.insert_text(text)
        await self.page.wait_for_function(VARIABLES_ARE_READ, arg=text)

    async def click_run(self, containing: str) -> Response:
        """Click the button that runs the operation, and return the answer to the request that says so."""

        def is_it(response: Response) -> bool:
            return containing in (response.request.post_data or "")

        async with self.page.expect_response(is_it) as answered:
            await self.page.locator(".graphiql-execute-button").click()
        return await answered.value

    async def run(self, operation: str) -> dict[str, Any]:
        """Run a tab, and return the data of its answer, which is also what is shown."""
        await self.choose(operation)
        response = await self.click_run(f'"operationName":"{operation}"')
        assert response.status == 200, await response.text()
        answer = await response.json()
        await self.has_text("response.json", "}")
        assert json.loads(await self.text("response.json")) == answer
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    async def watch_changes(self, create: Callable[[int], dict[str, Any]]) -> dict[str, Any]:
        """Run the subscription of the examples, and return the data of its first event.

        Nothing tells when the server has begun to listen, so there is a new resource again and again until it has.
        """
        await self.choose("WatchResources")
        async with self.page.expect_websocket() as opened:
            await self.page.locator(".graphiql-execute-button").click()
        await opened.value
        for number in range(TIME_LIMIT_MS // EVENT_LIMIT_MS):
            await self.post(create(number))
            with suppress(TookTooLong):
                await self.page.wait_for_function(
                    HAS_TEXT, arg=["response.json", "}"], timeout=EVENT_LIMIT_MS
                )
                break
        answer = json.loads(await self.text("response.json"))
        await self.page.locator(".graphiql-execute-button").click()
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    async def post(self, body: dict[str, Any]) -> None:
        """Send a mutation past the page."""
        headers = {"Authorization": f"Bearer {ROOT_TOKEN}"}
        response = await self.page.request.post("/graphql", data=body, headers=headers)
        assert "errors" not in await response.json(), await response.text()

    async def show_documentation(self) -> None:
        """Open the documentation panel."""
        await self.page.get_by_role("button", name="Show Documentation Explorer").click()
        await expect(self.documentation).to_contain_text("Root Types")

    async def choose_theme(self, name: str) -> None:
        """Choose a theme in the settings."""
        await self.page.get_by_role("button", name="Open settings dialog").click()
        await self.page.get_by_role("button", name=name, exact=True).click()
        await self.page.keyboard.press("Escape")
        await expect(self.page.get_by_role("dialog")).to_have_count(0)

    async def violations(self) -> list[str]:
        """Return what the content security policy kept the page from doing."""
        violations: list[str] = await self.page.evaluate("window.violations")
        return violations


@asynccontextmanager
async def visiting(
    browser: Browser, url: str, *, size: ViewportSize = DESKTOP, scheme: Scheme = "light"
) -> AsyncIterator[Explorer]:
    """Open the explorer in a browser that has never seen it; at the end, hold against it what it did wrong."""
    context = await browser.new_context(base_url=url, viewport=size, color_scheme=scheme)
    try:
        context.set_default_timeout(TIME_LIMIT_MS)
        await context.add_init_script(RECORD_VIOLATIONS)
        page = await context.new_page()
        watch = Watch(urlsplit(url).netloc)
        watch.over(page)
        explorer = Explorer(page, watch)
        await explorer.open()
        yield explorer
        violations = await explorer.violations()
        assert not watch.foreign, watch.foreign
        assert not watch.complaints, watch.complaints
        assert not violations, violations
    finally:
        await context.close()
