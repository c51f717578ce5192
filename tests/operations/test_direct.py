"""A request gives the same status, headers and body, and does the same, directly and inside a batch."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tests.contract.examples import EXAMPLES
from tests.operations.batches import op, resource, run, tag
from tests.server import PATHS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.server import Client

CURRENT = "the ETag that the object has"
# What every answer has, and what depends on the server's clock and dice.
OF_EVERY_ANSWER = {
    *("x-request-id", "x-content-type-options", "x-frame-options", "content-security-policy"),
    *("cross-origin-resource-policy", "referrer-policy", "content-length", "date", "server"),
}
CANONICAL = {"Content-Type", "ETag", "Location", "Link", "Allow", "Idempotency-Replayed"}
CHANCE = (
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z"), "TIME"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r'(?<=")[\w-]{16}(?=\\?")'), "REVISION"),
)


@dataclass(frozen=True)
class Case:
    """A request, to be sent directly or inside a batch."""

    method: str
    path: str
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None
    """The body as it is written, where that matters."""


def requests() -> Iterator[Case]:
    """Yield requests to every noun and method, good and faulty, that build on each other."""
    for example in EXAMPLES:
        yield from _creates(example.path, dict(example.new), example.full)
        yield from _reads(example.path, example.stored)
        if example.change is not None:
            yield from _changes(f"{example.path}/{example.stored}", dict(example.change), example.fixed)
        yield from _deletes(f"{example.path}/{example.full['id']}")
    yield from _numbers_and_texts()
    yield from _lost_ways()


def _creates(path: str, new: dict[str, Any], full: dict[str, Any]) -> Iterator[Case]:
    yield Case("POST", path, full)
    yield Case("POST", path, full)
    yield Case("POST", f"{path}?onConflict=skip", full)
    yield Case("POST", f"{path}?onConflict=merge", full)
    yield Case("POST", f"{path}?onConflict=nothing", full)
    yield Case("POST", path, {**full, "unknown": 1})
    yield Case("POST", path, {**full, "id": "nothing"})
    yield Case("POST", path, {})
    yield Case("POST", path, [full])
    yield Case("POST", path)
    yield Case("POST", path, full, {"Content-Type": "text/plain"})
    yield Case("POST", path, full, {"Idempotency-Key": ""})
    yield Case("POST", path, full, {"Idempotency-Key": f"key-{path}"})
    yield Case("POST", f"{path}/batch", [full, {**new, "scopeId": "scope_nowhere"}, 5, {"id": 5}])
    yield Case("POST", f"{path}/batch?onError=continue", [full, {}])
    yield Case("POST", f"{path}/batch?onConflict=skip&outcomes=true&etags=true", [full, full])
    yield Case("POST", f"{path}/batch", [])
    yield Case("POST", f"{path}/batch", full)
    yield Case("POST", f"{path}/batch", [{}] * 1_001)


def _reads(path: str, stored: str) -> Iterator[Case]:
    one = f"{path}/{stored}"
    yield Case("GET", one)
    yield Case("GET", one, headers={"If-None-Match": CURRENT})
    yield Case("GET", one, headers={"If-None-Match": '"other", *'})
    yield Case("GET", one, headers={"If-None-Match": 'W/"other"'})
    yield Case("GET", f"{one}?x=1")
    yield Case("GET", f"{one}0")
    yield Case("GET", f"{path}/%00")
    yield Case("GET", f"{path}/{stored.replace('_', '%5F')}")
    yield Case("GET", path)
    yield Case("GET", f"{path}?limit=1&etags=true")
    yield Case("GET", f"{path}?{urlencode({'ids': f'{stored},none'})}")
    for query in (
        *("limit=0", "limit=x", "limit=1&limit=2", "scopeId=scope_acme&withDescendants=true"),
        *("scopeId=%00", "after=x", "unknown=1", "scopeId=scope%5Facme", "scopeId=scope+acme", "etags"),
    ):
        yield Case("GET", f"{path}?{query}")
    yield Case("PUT", path, {})
    yield Case("DELETE", path)


def _changes(one: str, change: dict[str, Any], fixed: tuple[str, Any]) -> Iterator[Case]:
    yield Case("PUT", one, change)
    yield Case("PUT", one, change, {"If-Match": '"stale"'})
    yield Case("PUT", one, change, {"If-Match": "stale"})
    yield Case("PUT", one, {**change, fixed[0]: fixed[1]}, {"If-Match": CURRENT})
    yield Case("PUT", one, {**change, "unknown": 1}, {"If-Match": CURRENT})
    yield Case("PUT", one, {}, {"If-Match": CURRENT})
    yield Case("PUT", one, change, {"If-Match": f'"other", {CURRENT}'})
    yield Case("PUT", one, change, {"if-match": "*", "Idempotency-Key": f'"put {one}"'})
    yield Case("PUT", one, change, {"If-Match": "*", "Idempotency-Key": f'"put {one}"'})
    yield Case("PUT", one, {}, {"If-Match": "*", "Idempotency-Key": f'"put {one}"'})
    yield Case("PUT", f"{one}0", change, {"If-Match": "*"})
    yield Case("PUT", one, [], {"If-Match": "*"})
    yield Case("PUT", one, None, {"If-Match": "*"})
    yield Case("PUT", f"{one}?x=1", change, {"If-Match": "*"})
    yield Case("PUT", one, change, {"If-Match": "*", "Content-Type": "application/merge-patch+json"})
    yield Case("POST", one, change)


def _deletes(one: str) -> Iterator[Case]:
    yield Case("DELETE", one, headers={"If-Match": '"stale"'})
    yield Case("DELETE", f"{one}?x=1")
    yield Case("DELETE", one, {"any": "body"}, {"If-Match": CURRENT})
    yield Case("DELETE", one)


def _numbers_and_texts() -> Iterator[Case]:
    """Yield data that a reader who decodes and encodes it could change."""
    written = (
        *("1.0", "-0", "-0.0", "1E2", "1e-7", "18446744073709551615", "18446744073709551616"),
        *("1e999", "0.1", '"\\ud800"', '"\\u0000"', '"\\u00e9é"', '{"a": 1, "a": 2}', "[" * 99 + "]" * 99),
        *("[" * 120 + "]" * 120, "9" * 5_000, '{"$ref": "$ref:a#/body", "b": "$$ref:x"}', "null", "NaN"),
    )
    for position, data in enumerate(written):
        start = json.dumps(resource(f"data-{position}"))[:-1]
        yield Case("POST", "/resources", text=f'{start},\n "data" : {data}}}')
        yield Case("GET", f"/resources/resource_data-{position}")


def _lost_ways() -> Iterator[Case]:
    for path in ("/nothing", "/resources/", "/resources/x/y", "/resources/batch/", "/%72esources", "/a%2Fb"):
        yield Case("GET", path)
        yield Case("POST", path, {})
    yield Case("GET", "/resources/batch")
    yield Case("PUT", "/resources/batch", [])
    yield Case("DELETE", "/scopes/scope_acme")
    yield Case("POST", "/tags/batch", [tag("one"), tag("two"), tag("one")])
    yield Case("POST", "/tags/batch", [tag("one"), tag("two")])
    yield Case("DELETE", "/tag-groups/tag_group_priority")
    yield Case("DELETE", "/resource-types/resource_type_document")


CASES = list(requests())


async def headers_of(client: Client, case: Case) -> dict[str, str]:
    """Return a case's headers, with the ETag that its object has here."""
    if not any(CURRENT in text for text in case.headers.values()):
        return dict(case.headers)
    etag = (await client.get(case.path)).headers.get("ETag", '"none"')
    return {name: text.replace(CURRENT, etag) for name, text in case.headers.items()}


async def directly(client: Client, case: Case) -> tuple[int, dict[str, str], str]:
    text = case.text if case.text is not None else json.dumps(case.body) if case.body is not None else None
    headers = {"Content_Type": "application/json", **await headers_of(client, case)}
    named = {name.replace("-", "_"): value for name, value in headers.items()}
    body = None if text is None else text.encode()
    reply = await client.send(case.method, case.path, body, **_in_one_case(named))
    # Only inside a batch the case of names is promised.
    kept = {name.lower(): value for name, value in reply.headers.items()}
    kept = {name: value for name, value in kept.items() if name not in OF_EVERY_ANSWER}
    return reply.status, kept, reply.body.decode()


def _in_one_case(headers: dict[str, str]) -> dict[str, str]:
    """Let a case's own Content-Type win over the usual one."""
    return {name.title(): value for name, value in headers.items()}


async def envelope_of(client: Client, case: Case) -> str:
    """Return the operation as it is written, its body letter by letter."""
    written = json.dumps(op(case.method, case.path, headers=await headers_of(client, case)))
    text = case.text if case.text is not None else json.dumps(case.body) if case.body is not None else None
    return written if text is None else f'{written[:-1]}, "body": {text}}}'


def shown(result: Mapping[str, Any]) -> tuple[int, dict[str, str], str]:
    body = result.get("body")
    text = "" if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    assert set(result["headers"]) <= CANONICAL
    return result["response_code"], {name.lower(): text for name, text in result["headers"].items()}, text


def normal(answer: tuple[int, dict[str, str], str]) -> str:
    """Leave out what the server's clock and dice decide."""
    status, headers, body = answer
    # A number may be written in several ways; the bytes of all others are compared as they are.
    text = f"{status} {sorted(headers.items())} {_compact(body)}"
    for chance, word in CHANCE:
        text = chance.sub(word, text)
    return text


def _compact(body: str) -> str:
    return json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":")) if body else ""


async def test_a_request_answers_the_same_directly_and_as_the_operation_of_a_batch(
    root: Client, twin: Client
) -> None:
    assert len(CASES) > 300
    for case in CASES:
        direct = await directly(root, case)
        sent = f'{{"requests": [{await envelope_of(twin, case)}]}}'.encode()
        reply = await twin.send("POST", "/batch", sent, Content_Type="application/json")
        if "NaN" in (case.text or ""):
            # What is no JSON can't be a part of an envelope that is.
            assert (direct[0], reply.status) == (400, 400)
            continue
        assert reply.status == 200, (case, reply)
        [result] = reply.json["results"]
        assert normal(shown(result)) == normal(direct), case
    assert await _contents(twin) == await _contents(root)


async def test_requests_answer_the_same_one_after_the_other_and_in_one_batch(
    root: Client, twin: Client
) -> None:
    cases = [
        case
        for case in CASES
        if "NaN" not in (case.text or "") and not any(CURRENT in text for text in case.headers.values())
    ]
    for start in range(0, len(cases), 100):
        some = cases[start : start + 100]
        operations = ", ".join([await envelope_of(twin, case) for case in some])
        sent = f'{{"requests": [{operations}]}}'.encode()
        reply = await twin.send("POST", "/batch", sent, Content_Type="application/json")
        assert reply.status == 200, reply
        for case, result in zip(some, reply.json["results"], strict=True):
            assert normal(shown(result)) == normal(await directly(root, case)), case
    assert await _contents(twin) == await _contents(root)


async def test_params_are_the_query_and_win_over_that_of_the_url(root: Client) -> None:
    batch = await run(
        root,
        op("GET", "/resources", params={"externalResourceId": "doc-1", "etags": True}),
        op("GET", "/scopes?limit=2&etags=true", params={"limit": 1, "scopeId": None}),
        op("GET", "/scopes?limit=2", params={"limit": "none"}),
        op("GET", "/scopes", params={"limit": [1]}),
    )
    direct = (
        await root.get("/resources?externalResourceId=doc-1&etags=true"),
        await root.get("/scopes?etags=true&limit=1"),
    )
    assert batch.codes == ["200", "200", "invalid_value", "invalid_value"]
    assert batch.bodies[:2] == [reply.json for reply in direct]
    assert batch.results[1]["headers"]["Link"] == direct[1].headers["Link"]


async def _contents(client: Client) -> dict[str, str]:
    """Return all that is stored, as far as the server's clock and dice have no part in it."""
    return {path: normal((200, {}, json.dumps(await client.read(f"{path}?limit=1000")))) for path in PATHS}
