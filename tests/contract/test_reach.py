"""Who may call what: a walk over the routing table, so that a new route can't be forgotten."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.rest.door import ROUTER
from app.rest.uploads.envelopes import belongs
from tests.contract.examples import EXAMPLES, furnish

if TYPE_CHECKING:
    from app.rest.routes import Route
    from tests.server import Client, Reply, Server

PUBLIC = {"/healthz", "/readyz", "/openapi.json"}
CREATE = {"method": "POST", "url": "/scopes", "body": {"parentScopeId": "scope_acme", "name": "New"}}


@dataclass(frozen=True)
class Sample:
    """A request that the writer of `scope_acme` may send, with the ids of that catalogue."""

    method: str
    path: str
    body: Any = None

    async def sent_by(self, client: Client) -> Reply:
        """Send it."""
        headers = {"If_Match": "*"} if self.method in {"PUT", "PATCH"} else {}
        if of_uploads(self):
            # Where nothing else names ours.
            headers = {"reach_tenant_id": "scope_acme"}
        if self.body is None:
            return await client.saying(**headers).send(self.method, self.path)
        return await client.send_json(self.method, self.path, self.body, **headers)

    @property
    def writes(self) -> bool:
        """Whether it changes something."""
        return self.method != "GET"


def samples() -> list[Sample]:
    """Return a request for every route but the public ones, those that delete last."""
    found = [sample(route) for route in ROUTER.routes if route.template not in PUBLIC]
    deletes = [each for each in found if each.method == "DELETE"]
    # Nouns are routed in the order in which they depend on each other.
    return [each for each in found if each.method != "DELETE"] + deletes[::-1]


def sample(route: Route) -> Sample:
    """Return a request for a route; a route that this doesn't know is one whose access nobody has tested."""
    for example in EXAMPLES:
        one = route.template.replace("{id}", example.stored)
        bodies: dict[str, Any] = {
            example.path: example.full,
            f"{example.path}/batch": [example.full],
            f"{example.path}/{example.stored}": example.change,
        }
        if one in bodies:
            query = "?onConflict=skip" if one.endswith("/batch") else ""
            body = None if route.method in {"GET", "DELETE"} else bodies[one]
            return Sample(route.method, one + query, body)
    others = {
        ("POST", "/batch"): Sample("POST", "/batch", {"requests": [CREATE]}),
        ("GET", "/tokens"): Sample("GET", "/tokens"),
        ("POST", "/tokens"): Sample(
            "POST", "/tokens", {"scopeId": "scope_acme", "role": "reader", "subject": "bob"}
        ),
        ("DELETE", "/tokens/{id}"): Sample("DELETE", "/tokens/token_missing"),
    }
    return others.get((route.method, route.template)) or upload_sample(route)


def upload_sample(route: Route) -> Sample:
    """Return a request for a route of the upload dialect; the definition of one is made by that of another."""
    filled = {
        "idOrName": "Record",
        "schemaDefinitionNameOrId": "record",
        "externalId": "r-1",
        "batchId": "batch_missing",
    }
    bodies = {
        ("POST", "/partner/schema-definitions"): {"name": "record", "externalIdField": "id", "schema": {}},
        ("POST", "/partner/schema-definitions/{idOrName}"): {"description": "what is kept"},
        ("POST", "/api/resources/{schemaDefinitionNameOrId}"): {"data": {"id": "r-1"}},
        # Nothing comes of these, so that it doesn't matter when they are applied.
        ("POST", "/api/resources/{schemaDefinitionNameOrId}/batch"): {"resources": [{"id": None}]},
        ("PATCH", "/api/resources/{schemaDefinitionNameOrId}/batch"): {"resources": [{"id": "r-9"}]},
        ("DELETE", "/api/resources/{schemaDefinitionNameOrId}/batch"): {"externalIds": ["r-9"]},
        ("PATCH", "/api/resources/{schemaDefinitionNameOrId}/{externalId}"): {"data": {"n": 1}},
    }
    body = bodies.get((route.method, route.template))
    return Sample(route.method, route.template.format(**filled), body)


def of_catalogue(each: Sample) -> bool:
    """Whether a request is for one of the six nouns."""
    return "/" + each.path.split("/")[1] in {example.path for example in EXAMPLES}


def of_uploads(each: Sample) -> bool:
    """Whether a request is of the upload dialect."""
    return belongs(each.path)


def code_of(each: Sample, reply: Reply) -> str:
    """Return the code of a refusal, which the upload dialect tells by its status alone."""
    if not of_uploads(each):
        return reply.code
    assert reply.json["success"] is False, (each, reply)
    assert reply.json["message"], (each, reply)
    return {401: "unauthorized", 403: "forbidden"}[reply.status]


async def test_the_writer_of_a_scope_may_send_each_sample(server: Server) -> None:
    await furnish(server.root)
    admin = await server.holder("scope_acme", role="admin")
    others = {
        ("POST", "/batch"): 200,
        ("DELETE", "/scopes/scope_engineering"): 409,
        ("DELETE", "/resource-types/resource_type_document"): 409,
        ("DELETE", "/tokens/token_missing"): 404,
        ("POST", "/partner/schema-definitions/Record"): 200,
        ("POST", "/api/resources/record/batch"): 202,
        ("PATCH", "/api/resources/record/batch"): 202,
        ("DELETE", "/api/resources/record/batch"): 202,
        ("GET", "/api/batches/batch_missing"): 404,
        ("DELETE", "/api/batches/batch_missing"): 404,
    }
    for each in samples():
        reply = await each.sent_by(admin)
        creates = each.method == "POST" and "?" not in each.path
        assert reply.status == others.get((each.method, each.path), 201 if creates else 200), (each, reply)
        if reply.status == 202:
            # A queued upload would keep its definition from being deleted.
            done = await admin.get(f"{reply.headers['Location']}?wait=20")
            assert done.json["data"]["status"] != "queued"


async def test_without_a_valid_token_every_route_but_the_public_ones_is_401(server: Server) -> None:
    await furnish(server.root)
    before = await server.root.everything()
    expired = await server.token("scope_acme", ttl_s=1)
    revoked = await server.holder("scope_acme", role="admin", subject="gone")
    listed = await server.root.read("/tokens")
    token_id = next(token["id"] for token in listed if token["subject"] == "gone")
    assert (await revoked.get("/scopes")).status == 200
    assert (await server.root.delete(f"/tokens/{token_id}")).status == 200
    await asyncio.sleep(1.1)
    callers = {
        "nobody": server.client(None),
        "unknown": server.client("sheaf_unknown"),
        "expired": server.client(expired),
        "revoked": revoked,
        "basic": server.client(None).saying(Authorization="Basic cm9vdDpyb290"),
        "bare": server.client(None).saying(Authorization="root"),
        "empty": server.client(None).saying(Authorization="Bearer "),
        "narrowed": server.client("sheaf_unknown").saying(reach_tenant_id="scope_acme"),
    }
    for each in [*samples(), Sample("GET", "/nowhere"), Sample("PATCH", "/scopes", {})]:
        for who, caller in callers.items():
            reply = await each.sent_by(caller)
            assert (reply.status, code_of(each, reply)) == (401, "unauthorized"), (who, each)
            assert reply.headers["WWW-Authenticate"] == "Bearer"
    assert await server.root.everything() == before
    for path in PUBLIC - {"/openapi.json"}:
        assert (await server.client(None).get(path)).status == 200


async def test_a_reader_reads_what_a_writer_reads_and_every_write_is_403(server: Server) -> None:
    await furnish(server.root)
    before = await server.root.everything()
    reader, writer = await server.holder("scope_acme", role="reader"), await server.holder("scope_acme")
    assert await reader.everything() == await writer.everything() == before
    for each in samples():
        if not (of_catalogue(each) or of_uploads(each)) or not each.writes:
            continue
        reply = await each.sent_by(reader)
        assert (reply.status, code_of(each, reply)) == (403, "forbidden"), each
        broken = await reader.send(each.method, each.path, b"no JSON", Content_Type="text/plain")
        assert (broken.status, code_of(each, broken)) == (403, "forbidden"), each
    inner = await reader.post("/batch", {"requests": [CREATE]})
    assert [result["response_code"] for result in inner.json["results"]] == [403]
    for caller in (reader, writer):
        for each in (each for each in samples() if each.path.startswith("/tokens")):
            reply = await each.sent_by(caller)
            assert (reply.status, reply.code) == (403, "forbidden"), each
    assert await server.root.everything() == before


async def test_a_foreign_tenant_gets_what_it_would_get_if_nothing_of_ours_existed(server: Server) -> None:
    await furnish(server.root, root="scope_globex", suffix="_g")
    foreign = await server.holder("scope_globex", role="admin", subject="mallory")
    without = [await each.sent_by(foreign) for each in samples()]
    own = await foreign.everything()
    await furnish(server.root)
    await server.token("scope_acme")
    before = await server.root.everything()
    assert await foreign.everything() == own
    for each, alone in zip(samples(), without, strict=True):
        reply = await each.sent_by(foreign)
        assert reply.status == alone.status, (each, reply, alone)
        if each.path != "/batch":
            assert reply.body == alone.body, each
        if of_catalogue(each) and each.path.count("/") > (0 if each.writes else 1):
            assert reply.status == (422 if each.method == "POST" else 404), each
    assert await server.root.everything() == before


async def test_narrowed_to_a_scope_a_caller_is_as_a_token_of_that_scope(server: Server) -> None:
    await furnish(server.root)
    before = await server.root.everything()
    sales = await server.holder("scope_sales", role="admin")
    acme = await server.holder("scope_acme", role="admin")
    seen = await sales.everything()
    assert [item["id"] for item in seen["/scopes"]] == ["scope_sales"]
    assert seen["/resources"] == seen["/tag-assignments"] == []
    for name, count in (("/resource-types", 1), ("/tag-groups", 1), ("/tags", 2)):
        assert len(seen[name]) == count
    for named in ("scope_sales", "sales"):
        for holder in (acme, sales):
            assert await holder.saying(reach_tenant_id=named).everything() == seen
    narrowed_root = server.root.saying(reach_tenant_id="scope_sales")
    assert await narrowed_root.everything() == seen
    for each in samples():
        if not of_catalogue(each) or not each.path.count("/") > 1 or "/batch" in each.path:
            continue
        replies = [await each.sent_by(caller) for caller in (sales, acme.saying(reach_tenant_id="sales"))]
        assert replies[0].body == replies[1].body
        shared = each.method == "GET" and each.path.startswith(("/resource-types/", "/tag-groups/", "/tags/"))
        assert replies[0].status == (200 if shared else 404), each
    assert await server.root.everything() == before


async def test_only_a_scope_within_reach_can_be_named(server: Server) -> None:
    await furnish(server.root)
    await furnish(server.root, root="scope_globex", suffix="_g")
    engineering = await server.holder("scope_engineering")
    for caller, wrong in (
        *((engineering, name) for name in ("scope_acme", "scope_acme-external", "scope_sales", "sales")),
        *((engineering, name) for name in ("scope_globex", "scope_nowhere", "", "eng' or 1=1")),
        (server.root, "scope_nowhere"),
        (server.root, "sales"),
    ):
        reply = await caller.get("/scopes", reach_tenant_id=wrong)
        assert (reply.status, reply.code) == (404, "not_found"), wrong
    for caller, right, found in (
        (engineering, "scope_platform", ["scope_platform"]),
        (engineering, "eng", ["scope_engineering", "scope_platform"]),
        (
            server.root,
            "scope_globex-external",
            ["scope_engineering_g", "scope_globex", "scope_platform_g", "scope_sales_g"],
        ),
    ):
        reply = await caller.get("/scopes", reach_tenant_id=right)
        assert [item["id"] for item in reply.json] == found
    ours = await engineering.saying(reach_tenant_id="scope_platform").get("/resources/resource_roadmap")
    assert (ours.status, ours.code) == (404, "not_found")


async def test_shared_objects_of_the_scopes_above_can_be_used_and_not_changed(server: Server) -> None:
    await furnish(server.root)
    writer = await server.holder("scope_engineering", role="admin")
    assert (await writer.get("/scopes/scope_acme")).status == 404
    assert (await writer.read("/scopes/scope_engineering"))["parentScopeId"] == "scope_acme"
    before = await server.root.everything()
    for path in (
        "/resource-types/resource_type_document",
        "/tag-groups/tag_group_priority",
        "/tags/tag_high",
    ):
        assert (await writer.get(path)).status == 200
        for reply in (
            await writer.patch(path, {"name": "Mine"}),
            await writer.put(path, {"name": "Mine"}, If_Match="*"),
            await writer.delete(path),
        ):
            assert (reply.status, reply.code) == (404, "not_found")
    above = {"scopeId": "scope_acme", "key": "mine", "name": "Mine"}
    for path in ("/resource-types", "/tag-groups"):
        reply = await writer.post(path, above)
        assert (reply.status, reply.faults) == (422, [(0, "/scopeId", "unknown_reference")])
    assert await server.root.everything() == before
    tag = {
        "scopeId": "scope_engineering",
        "tagGroupId": "tag_group_priority",
        "identifier": "x",
        "label": "X",
    }
    await writer.created("/tags", tag)
    await writer.created("/tag-assignments", {"tagId": "tag_medium", "resourceId": "resource_roadmap"})


async def test_only_the_root_token_makes_roots(server: Server) -> None:
    await furnish(server.root)
    before = await server.root.everything()
    for caller in (
        await server.holder("scope_acme", role="admin"),
        server.root.saying(reach_tenant_id="scope_acme"),
    ):
        reply = await caller.post("/scopes", {"name": "Another root"})
        assert (reply.status, reply.faults) == (403, [(0, "/parentScopeId", "forbidden")])
    assert await server.root.everything() == before


async def test_what_holders_create_bears_their_subject(server: Server) -> None:
    await furnish(server.root)
    writer = await server.holder("scope_acme", subject="alice@example.com")
    created = await writer.created("/scopes", {"parentScopeId": "scope_acme", "name": "New"})
    assert created["createdBy"] == "alice@example.com"
    changed = await server.root.patch(f"/scopes/{created['id']}", {"name": "Newer"})
    assert (changed.json["createdBy"], changed.json["updatedBy"]) == ("alice@example.com", "system")
