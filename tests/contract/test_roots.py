"""Several roots on one server: the same ids, told apart by the caller's reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.contract.examples import CHANGING, EXAMPLES, furnish

if TYPE_CHECKING:
    from tests.server import Server


async def two_customers(server: Server) -> None:
    """Let two customers follow the same samples."""
    await furnish(server.root)
    await furnish(server.root, root="scope_globex")


async def test_two_customers_may_have_the_same_ids_and_see_only_their_own(server: Server) -> None:
    await two_customers(server)
    for root in ("scope_acme", "scope_globex"):
        holder = await server.holder(root)
        scopes = await holder.read("/scopes")
        assert [item["id"] for item in scopes if "parentScopeId" not in item] == [root]
        for example in EXAMPLES:
            assert (await holder.get(f"{example.path}/{example.stored}")).status == 200
        assert (await holder.read("/resource-types/resource_type_document"))["scopeId"] == root
        changed = await holder.patch("/resources/resource_roadmap", {"displayName": f"Of {root}"})
        assert (changed.status, changed.json["displayName"]) == (200, f"Of {root}")


async def test_the_root_token_must_narrow_where_an_id_is_of_several_roots(server: Server) -> None:
    await two_customers(server)
    before = await server.root.everything()
    for example in EXAMPLES:
        path = f"{example.path}/{example.stored}"
        for reply in (await server.root.get(path), await server.root.delete(path)):
            assert (reply.status, reply.code) == (409, "ambiguous_id"), path
        if example in CHANGING:
            patched = await server.root.patch(path, example.change)
            put = await server.root.put(path, example.change, If_Match="*")
            assert (patched.code, put.code) == ("ambiguous_id", "ambiguous_id")
    resource = {
        "resourceTypeId": "resource_type_document",
        "scopeId": "scope_engineering",
        "externalResourceId": "x",
    }
    created = await server.root.post("/resources", resource)
    assert (created.status, created.faults) == (409, [(0, "/scopeId", "ambiguous_id")])
    listed = await server.root.get("/resources?scopeId=scope_engineering")
    assert (listed.status, listed.code) == (409, "ambiguous_id")
    tenant = await server.root.get("/resources", reach_tenant_id="scope_engineering")
    assert (tenant.status, tenant.code) == (409, "ambiguous_id")
    assert await server.root.everything() == before
    for root in ("scope_acme", "scope_globex-external"):
        narrowed = server.root.saying(reach_tenant_id=root)
        assert (await narrowed.get("/resources/resource_roadmap")).status == 200
        assert (await narrowed.post("/resources", resource)).status == 201


async def test_a_page_of_the_root_token_shows_every_root_once_across_equal_ids(server: Server) -> None:
    await two_customers(server)
    seen, path = [], "/scopes?limit=1"
    while path:
        reply = await server.root.get(path)
        seen += [item["id"] for item in reply.json]
        path = reply.headers["Link"].partition(">")[0][1:] if "Link" in reply.headers else ""
    twice = sorted(["scope_engineering", "scope_platform", "scope_sales"] * 2)
    assert seen == sorted(["scope_acme", "scope_globex", *twice])


async def test_the_batch_of_one_root_does_not_hang_below_the_scope_of_another(server: Server) -> None:
    await furnish(server.root)
    items = [
        {"id": "scope_globex", "name": "Globex"},
        {"id": "scope_engineering", "parentScopeId": "scope_globex", "name": "Engineering of Globex"},
        {"id": "scope_design", "parentScopeId": "scope_engineering", "name": "Design of Globex"},
    ]
    ours = server.root.saying(reach_tenant_id="scope_acme")
    before = await ours.everything()
    await server.root.created("/scopes/batch", items)
    below = await server.root.read("/scopes?scopeId=scope_globex&withDescendants=true")
    assert [item["id"] for item in below] == ["scope_design", "scope_engineering", "scope_globex"]
    assert await ours.everything() == before


async def test_a_taken_id_is_told_in_the_same_words_inside_and_outside_of_reach(server: Server) -> None:
    await furnish(server.root)
    writer = await server.holder("scope_sales", role="admin")
    home = {"scopeId": "scope_sales"}
    place = {"resourceTypeId": "resource_type_document", "externalResourceId": "mine", **home}
    own = await writer.created("/resources", {**place, "id": "resource_mine", "externalResourceId": "first"})
    before = await server.root.everything()
    for choice in ("error", "skip", "merge"):
        theirs = await writer.post(f"/resources?onConflict={choice}", {**place, "id": "resource_roadmap"})
        assert (theirs.status, theirs.faults) == (409, [(0, "/id", "id_taken")]), choice
        if choice == "error":
            ours = await writer.post("/resources", {**place, "id": own["id"]})
            words = ours.body.decode().replace("resource_mine", "resource_roadmap")
            assert words == theirs.body.decode()
    scope = await writer.post(
        "/scopes", {"id": "scope_engineering", "parentScopeId": "scope_sales", "name": "E"}
    )
    assert (scope.status, scope.faults) == (409, [(0, "/id", "id_taken")])
    assert await server.root.everything() == before


async def test_the_ids_and_external_ids_of_roots_are_unique_in_the_server(server: Server) -> None:
    await two_customers(server)
    before = await server.root.everything()
    by_id = await server.root.post("/scopes", {"id": "scope_acme", "name": "Again"})
    assert (by_id.status, by_id.faults) == (409, [(0, "/id", "id_taken")])
    by_key = await server.root.post("/scopes", {"name": "Again", "externalId": "scope_acme-external"})
    assert (by_key.status, by_key.faults) == (409, [(0, "/externalId", "already_exists")])
    changed = await server.root.patch("/scopes/scope_globex", {"externalId": "scope_acme-external"})
    assert (changed.status, changed.faults) == (409, [(0, "/externalId", "already_exists")])
    assert await server.root.everything() == before
    sibling = await server.root.patch("/scopes/scope_globex", {"externalId": "eng"})
    assert sibling.status == 200
