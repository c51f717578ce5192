"""How Parse Server is asked, and its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec
import orjson

from benchmarks.peers.dialects import CREATED, PAGE, Dialect, Item, Refused
from benchmarks.peers.load import Request
from benchmarks.peers.rows import CREATED_AT, CREATED_BY, RESOURCE, SCOPES, TYPES
from benchmarks.read import READ

if TYPE_CHECKING:
    from benchmarks.peers.rows import Size

HEADERS = ("X-Parse-Application-Id: benchmark", "X-Parse-REST-API-Key: benchmark")
RESOURCES = "/parse/classes/Resource"
EDGES = "scope,resourceType,tags"


def statements(size: Size) -> str:
    """Return the statements that fill the tables that Parse Server has made."""
    stamps, stamped = '"createdAt", "updatedAt"', f"'{CREATED_AT}', '{CREATED_AT}'"
    tag = f"(n + 7 * step) % {size.tags}"
    pointer = """jsonb_build_object('__type', 'Pointer', 'className', 'Tag', 'objectId', id)"""
    return f"""
    insert into "Scope" ("objectId", name, {stamps})
      select 'scope_' || n, 'Scope ' || n, {stamped} from generate_series(0, {SCOPES}) n;
    insert into "ResourceType" ("objectId", key, name, {stamps})
      select 'resource_type_' || n, 'k' || n, 'Type ' || n, {stamped} from generate_series(0, {TYPES - 1}) n;
    insert into "Tag" ("objectId", label, {stamps})
      select 'tag_' || n, 'Label ' || n, {stamped} from generate_series(0, {size.tags - 1}) n;
    insert into "Resource"
      ("objectId", "resourceType", scope, "externalResourceId", "displayName", "createdBy", tags, {stamps})
      select {RESOURCE}, 'resource_type_' || n % {TYPES}, 'scope_' || 1 + n % {SCOPES}, 'x' || n, 'Resource ' || n,
        '{CREATED_BY}',
        (select jsonb_agg({pointer} order by id collate "C")
         from (select 'tag_' || {tag} from generate_series(0, {size.tags_each - 1}) step) as t(id)), {stamped}
      from generate_series(0, {size.resources - 1}) n;
    insert into "Tagging" ("objectId", tag, resource, {stamps})
      select 't' || n || '_' || step, 'tag_' || {tag}, {RESOURCE}, {stamped}
      from generate_series(0, {size.resources - 1}) n, generate_series(0, {size.tags_each - 1}) step;
    """  # noqa: S608 - of constants and numbers


def _time(text: str) -> str:
    return text.replace(".000Z", "Z")


def _resource(told: Any) -> dict[str, Any]:
    return {
        "id": told["objectId"],
        "scopeId": told["scope"]["objectId"],
        "resourceTypeId": told["resourceType"]["objectId"],
        "externalResourceId": told["externalResourceId"],
        "displayName": told["displayName"],
        "createdAt": _time(told["createdAt"]),
        "createdBy": told.get("createdBy"),
        # It has a time of change from the start.
        "updatedAt": None if told["updatedAt"] == told["createdAt"] else _time(told["updatedAt"]),
    }


def _edge(told: Any, *names: str) -> dict[str, Any]:
    return {"id": told["objectId"], **{name: told[name] for name in names}}


def _found(told: Any) -> dict[str, Any]:
    """Return a resource as the request had it: with its type, or of a read, or of a page."""
    if "resource" in told:
        resource = told["resource"]
        return {
            "id": resource["objectId"],
            "externalResourceId": resource["externalResourceId"],
            "displayName": resource["displayName"],
            "resourceType": _edge(resource["resourceType"], "name"),
            "scope": _edge(resource["scope"], "name"),
        }
    found = {**_resource(told), "resourceType": _edge(told["resourceType"], "key", "name")}
    if "name" in told["scope"]:
        tags = [_edge(tag, "label") for tag in told["tags"]]
        found |= {"scope": _edge(told["scope"], "name"), "tags": tags}
    return found


class Parse(Dialect):
    """Parse Server's REST: `include` for what is nested, `/batch` for more than one create."""

    def one(self, resource_id: str) -> Request:
        """Ask for a resource with its type."""
        return Request(f"{RESOURCES}/{resource_id}?include=resourceType")

    def read(self) -> Request:
        """Ask for 1,000 resources."""
        return Request(f"{RESOURCES}?{urlencode({'limit': READ, 'order': 'objectId', 'include': EDGES})}")

    def page(self, tag_id: str) -> Request:
        """Ask for the first resources with a tag, from the tag's side."""
        where = {"tag": {"__type": "Pointer", "className": "Tag", "objectId": tag_id}}
        asked = {
            "where": orjson.dumps(where).decode(),
            "limit": PAGE,
            "order": "resource",
            "include": "resource,resource.resourceType,resource.scope",
        }
        return Request(f"/parse/classes/Tagging?{urlencode(asked)}")

    def create(self, items: list[Item]) -> Request:
        """Ask to create resources with one command, which `/batch` comes nearest to."""
        return self.batch(items)

    def create_one(self, item: Item) -> Request:
        """Ask to create a resource."""
        return Request(RESOURCES, orjson.dumps(_stored(item)))

    def batch(self, items: list[Item]) -> Request:
        """Ask for creates one by one in an envelope."""
        operations = [{"method": "POST", "path": RESOURCES, "body": _stored(item)} for item in items]
        return Request("/parse/batch", orjson.dumps({"requests": operations}))

    def look_up(self, answer: bytes) -> Request | None:
        """Ask for what was created, since the answer to a create has ids only."""
        told: Any = msgspec.json.decode(answer)
        if isinstance(told, dict):
            told = [{"success": told}]
        if any("success" not in each for each in told):
            raise Refused(str(told)[:600])
        where = {"objectId": {"$in": [each["success"]["objectId"] for each in told]}}
        asked = {"_method": "GET", "where": where, "limit": READ, "order": "externalResourceId"}
        return Request(RESOURCES, orjson.dumps(asked))

    def found(self, answer: bytes) -> list[Any]:
        """Return the resources of an answer."""
        told: Any = msgspec.json.decode(answer)
        return [_found(each) for each in told.get("results", [told])]

    def created(self, answer: bytes) -> list[Any]:
        """Return what was looked up."""
        told: Any = msgspec.json.decode(answer)
        return [{name: _resource(each)[name] for name in CREATED} for each in told["results"]]

    def created_in_batch(self, answer: bytes) -> list[Any]:
        """Return the same."""
        return self.created(answer)


def _stored(item: Item) -> dict[str, Any]:
    return {
        "scope": {"__type": "Pointer", "className": "Scope", "objectId": item["scopeId"]},
        "resourceType": {
            "__type": "Pointer",
            "className": "ResourceType",
            "objectId": item["resourceTypeId"],
        },
        "externalResourceId": item["externalResourceId"],
        "displayName": item["displayName"],
    }
