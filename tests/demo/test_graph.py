"""The demo's dependency graph is what `packaging` reads out of the metadata, and nothing waits without reason."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from demo.projects import storable
from demo.queries import QUERIES
from demo.uploads import Uploaded
from tests.demo.conftest import installed, totals_of_projects

if TYPE_CHECKING:
    from tests.demo.conftest import Served

STORED = """{ resourceTypes(first: 1, key: "project") { nodes { resources(first: 1000) { totalCount nodes {
  externalResourceId data
} } } } }"""
REFERENCES = """{ resourceTypes(first: 1, key: "project") { nodes { resources(first: 300) { nodes {
  externalResourceId
  references(first: 30) { nodes { target { externalResourceId } } }
  referencedBy(first: 300) { nodes { source { externalResourceId } } }
} } } } }"""
WAITING = """{ batches(scopeId: "scope_python", status: PENDING) { nodes { waiting(first: 1000) { nodes {
  externalId waitsFor { resourceTypeKey externalId }
} } } } }"""


def required() -> dict[str, set[str]]:
    """Return what each installed distribution requires, on whatever platform, without its extras."""
    return {
        name: {
            canonicalize_name(wanted.name)
            for wanted in map(Requirement, each.requires or ())
            if "extra" not in str(wanted.marker)
        }
        for name, each in installed().items()
    }


def reached(name: str, requires: dict[str, set[str]]) -> set[str]:
    """Return what a distribution requires, all the way down."""
    found: set[str] = set()
    left = [name]
    while left:
        new = requires.get(left.pop(), set()) - found
        found |= new
        left += new
    return found


def divided() -> tuple[dict[str, set[str]], set[str], set[str]]:
    """Return who requires what, who must be stored and who must wait."""
    requires = required()
    stored = {name for name in requires if reached(name, requires) <= requires.keys()}
    return requires, stored, requires.keys() - stored


def projects(served: Served, query: str) -> list[dict[str, Any]]:
    """Return the stored projects."""
    (kind,) = served.ask(query)["resourceTypes"]["nodes"]
    nodes: list[dict[str, Any]] = kind["resources"]["nodes"]
    return nodes


def test_exactly_those_whose_requirements_are_all_installed_are_stored(loaded: Served) -> None:
    requires, stored, waiting = divided()
    assert stored
    assert waiting, "this environment shows nothing: all that its distributions name is installed"
    nodes = projects(loaded, STORED)
    assert {each["externalResourceId"] for each in nodes} == stored
    distributions = installed()
    for each in nodes:
        name = each["externalResourceId"]
        said = distributions[name]
        assert each["data"]["version"] == said.version
        assert set(each["data"]["requires"]) == requires[name]
        assert len(each["data"]["optional"]) + len(requires[name]) <= len(said.requires or ())


def test_requirements_are_references_both_ways(loaded: Served) -> None:
    requires, stored, _ = divided()
    for each in projects(loaded, REFERENCES):
        name = each["externalResourceId"]
        targets = [to["target"]["externalResourceId"] for to in each["references"]["nodes"]]
        assert sorted(targets) == sorted(requires[name])
        sources = [by["source"]["externalResourceId"] for by in each["referencedBy"]["nodes"]]
        assert sorted(sources) == sorted(other for other in stored if name in requires[other])


def test_the_others_wait_for_what_is_not_stored(loaded: Served) -> None:
    requires, stored, waiting = divided()
    told = {
        record["externalId"]: [
            (each["resourceTypeKey"], each["externalId"])
            for each in sorted(record["waitsFor"], key=lambda each: str(each["externalId"]))
        ]
        for batch in loaded.ask(WAITING)["batches"]["nodes"]
        for record in batch["waiting"]["nodes"]
    }
    assert told == {name: [("project", to) for to in sorted(requires[name] - stored)] for name in waiting}


def test_the_summary_tells_it(summary: str) -> None:
    requires, stored, waiting = divided()
    assert totals_of_projects(summary) == (len(requires), len(stored), len(waiting), 0)
    batches = re.findall(r"^batch \d +(\w+) +(\d+) +(\d+) +(\d+) +(\d+) *$", summary, re.MULTILINE)
    assert len(batches) == 5
    columns = [[int(number) for number in column] for column in list(zip(*batches, strict=True))[1:]]
    assert [sum(column) for column in columns] == [len(requires), len(stored), len(waiting), 0]
    for status, _, _, waits, _ in batches:
        assert status == ("success" if waits == "0" else "pending")
    awaited: dict[str, list[str]] = {}
    for name in sorted(waiting):
        for missing in requires[name] - requires.keys():
            awaited.setdefault(missing, []).append(name)
    for missing, names in sorted(awaited.items(), key=lambda each: (-len(each[1]), each[0]))[:10]:
        assert re.search(rf"^{missing} +{len(names)} +{', '.join(names)} *$", summary, re.MULTILINE), missing
    behind = len(waiting) - len({name for names in awaited.values() for name in names})
    assert f"Behind these wait {behind} more" in summary
    assert f"exactly the {len(stored)} projects whose requirements are all there are stored" in summary


def test_the_query_to_paste_shows_a_chain(loaded: Served) -> None:
    nodes = loaded.ask(dict(QUERIES)[next(title for title, _ in QUERIES if "requires" in title)])
    (project,) = (each for each in nodes["resources"]["nodes"] if each["resourceType"]["name"] == "project")
    chain = {
        to["target"]["displayName"]: [
            deeper["targetExternalId"] for deeper in to["target"]["references"]["nodes"]
        ]
        for to in project["references"]["nodes"]
    }
    requires, stored, _ = divided()
    assert {name: set(names) for name, names in chain.items()} == {
        name: requires[name] for name in requires["rich"]
    }
    sources = {by["source"]["displayName"] for by in project["referencedBy"]["nodes"]}
    assert sources == {name for name in stored if "rich" in requires[name]}


def record(name: str, *requires: str) -> dict[str, Any]:
    """Return a project."""
    return {"name": name, "version": "1", "requires": list(requires)}


def test_a_cycle_is_storable_and_what_leads_out_of_the_graph_is_not() -> None:
    graph = [record("a", "b"), record("b", "a"), record("c", "c"), record("d", "e", "a"), record("e", "x")]
    assert storable(graph) == {"a", "b", "c"}
    assert storable(graph, {"x"}) == {"a", "b", "c", "d", "e"}
    # An earlier version of it is stored, and what refers to it has what it wants.
    assert storable(graph, {"e"}) == {"a", "b", "c", "d"}


def uploaded(status: str, fate: str, *waiting: dict[str, Any]) -> Uploaded:
    """Return what became of `a`, which was stored, and `b`, which requires what isn't there."""
    progress = {"successfulRecords": 1, "pendingRecords": 0, "failedRecords": 0, f"{fate}Records": 1}
    batch = {"status": status, "progress": progress, "pendingResources": waiting}
    return Uploaded([record("a"), record("b", "x")], {"a"}, 2, 30.0, [batch])


def test_a_disagreement_with_the_metadata_is_told() -> None:
    parked = {"resourceExternalId": "b", "missingDependencies": [{"externalId": "x"}]}
    assert uploaded("pending", "pending", parked).agrees
    failed = uploaded("partial_success", "failed")
    assert not failed.agrees
    assert failed.disagreement == (
        "after 30 s 1 stored instead of 1, 0 waiting instead of 1, 1 failed instead of 0; what waits differs by b"
    )
    assert uploaded("queued", "pending").disagreement.startswith("nothing applies the uploads")
