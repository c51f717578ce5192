"""A server on a free port of this machine, and clients that talk to it over real HTTP."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING, Any

from aiohttp import ClientSession, web
from yarl import URL

from app.main import create_app
from app.server import Runner
from app.settings import Settings
from app.state import DATABASE
from db import tokens
from db.access import SYSTEM, Role

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from db.database import Database

ROOT_TOKEN = "root"
PROBLEM_MEMBERS = ["type", "code", "title", "status", "detail"]


@dataclass(frozen=True)
class Reply:
    """What the server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of a problem document, whose form is checked on the way."""
        problem = self.json
        assert self.headers["Content-Type"] == "application/problem+json", self
        assert list(problem)[:5] == PROBLEM_MEMBERS, self
        assert problem["type"] == f"urn:sheaf:problem:{problem['code']}", self
        assert problem["status"] == self.status, self
        assert problem["title"], self
        assert problem["detail"], self
        code: str = problem["code"]
        return code

    @property
    def faults(self) -> list[tuple[int, str, str]]:
        """The index, pointer and code of each fault that a problem document lists."""
        return [(fault["index"], fault["pointer"], fault["code"]) for fault in self.json["errors"]]


@dataclass(frozen=True)
class Client:
    """A caller: where the server is, and what every request says."""

    session: ClientSession
    url: str
    headers: Mapping[str, str]

    def saying(self, **headers: str) -> Client:
        """Return the same caller with more headers: `If_Match="…"`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return replace(self, headers={**self.headers, **named})

    async def send(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        """Send a request whose path is percent-encoded already, with a body of bytes."""
        sent = self.saying(**headers).headers
        # Bytes would be sent at once, whatever the other side says meanwhile.
        data = BytesIO(body) if body is not None else None
        async with self.session.request(
            method, URL(self.url + path, encoded=True), data=data, headers=sent, allow_redirects=False
        ) as response:
            return Reply(response.status, response.headers, await response.read())

    async def get(self, path: str, **headers: str) -> Reply:
        """Send GET."""
        return await self.saying(**headers).send("GET", path)

    async def post(self, path: str, value: object, **headers: str) -> Reply:
        """Send POST with JSON."""
        return await self.send_json("POST", path, value, **headers)

    async def put(self, path: str, value: object, **headers: str) -> Reply:
        """Send PUT with JSON."""
        return await self.send_json("PUT", path, value, **headers)

    async def patch(self, path: str, value: object, **headers: str) -> Reply:
        """Send PATCH with JSON."""
        return await self.send_json("PATCH", path, value, **headers)

    async def delete(self, path: str, **headers: str) -> Reply:
        """Send DELETE."""
        return await self.saying(**headers).send("DELETE", path)

    async def send_json(self, method: str, path: str, value: object, **headers: str) -> Reply:
        """Send any method with JSON."""
        named = {"Content_Type": "application/json", **headers}
        return await self.send(method, path, json.dumps(value).encode(), **named)

    async def created(self, path: str, value: object) -> Any:
        """Create what nothing speaks against, and return what was answered."""
        reply = await self.post(path, value)
        assert reply.status == 201, reply
        return reply.json

    async def read(self, path: str) -> Any:
        """Read what is there, and return it."""
        reply = await self.get(path)
        assert reply.status == 200, reply
        return reply.json

    async def everything(self) -> dict[str, Any]:
        """Return all that the caller can read, revisions included: equal before and after means unchanged."""
        return {path: await self.read(f"{path}?limit=1000&etags=true") for path in PATHS}


PATHS = ("/scopes", "/resource-types", "/resources", "/tag-groups", "/tags", "/tag-assignments")


@dataclass(frozen=True)
class Server:
    """A running server."""

    app: web.Application
    session: ClientSession
    url: str
    port: int

    @property
    def root(self) -> Client:
        """The holder of the built-in root token."""
        return self.client(ROOT_TOKEN)

    @property
    def database(self) -> Database:
        """The server's database."""
        return self.app[DATABASE]

    def client(self, token: str | None) -> Client:
        """Return the holder of a token, or somebody without one."""
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        return Client(self.session, self.url, headers)

    async def token(
        self, scope: str, *, role: str = "writer", subject: str = "alice", ttl_s: int | None = None
    ) -> str:
        """Make a token for a scope."""
        made = Role[role.upper()]
        _, text = await tokens.issue(self.database, SYSTEM, scope, made, subject=subject, ttl_s=ttl_s)
        return text

    async def holder(self, scope: str, *, role: str = "writer", subject: str = "alice") -> Client:
        """Return the holder of a new token for a scope."""
        return self.client(await self.token(scope, role=role, subject=subject))

    async def raw(self, request: bytes) -> bytes:
        """Send bytes that no client would, and return all that comes back until the server hangs up."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(request)
            await writer.drain()
            async with asyncio.timeout(20):
                return await reader.read()
        finally:
            writer.close()
            await writer.wait_closed()


@asynccontextmanager
async def serving(database_url: str, **settings: Any) -> AsyncIterator[Server]:
    """Run the real application on a free port until the block ends."""
    app = create_app(Settings(database_url=database_url, root_token=ROOT_TOKEN, **settings))
    runner = Runner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port: int = runner.addresses[0][1]
        async with ClientSession() as session:
            yield Server(app, session, f"http://127.0.0.1:{port}", port)
    finally:
        await runner.cleanup()
