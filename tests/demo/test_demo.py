"""The demo loads what importlib.metadata itself says, once."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp.web
import orjson
import pytest

from demo.queries import QUERIES
from tests.demo.conftest import (
    environment_for,
    free_port,
    installed,
    listens,
    run_demo,
    totals_of_projects,
)

if TYPE_CHECKING:
    from tests.demo.conftest import Served

COUNTS = """{
  scopes { totalCount }
  resourceTypes { nodes { id resources { totalCount } } }
  tagGroups { totalCount }
  tags { totalCount }
  tagAssignments { totalCount }
}"""

PROJECTS = """{ resourceTypes(key: "project") { nodes { etag resources(first: 1000) {
  nodes { id etag data }
} } } }"""


def classifiers_of(distribution: metadata.Distribution) -> set[str]:
    """Return what a distribution declares itself to be."""
    return set(distribution.metadata.get_all("Classifier") or ())


def resource(served: Served, kind: str, external_id: str) -> dict[str, Any]:
    """Return the one resource of a type with an external id."""
    found = served.ask(
        f'{{ resources(resourceTypeId: "resource_type_{kind}", externalResourceId: "{external_id}")'
        " { nodes { id displayName data updatedAt tags(first: 1000) { totalCount nodes {"
        " identifier label tagGroup { key name } } } } } }"
    )
    (node,) = found["resources"]["nodes"]
    return dict(node)


def test_every_distribution_classifier_and_assignment_is_there(loaded: Served) -> None:
    counts = loaded.ask(COUNTS)
    declared = {name: classifiers_of(each) for name, each in installed().items()}
    every = set().union(*declared.values())
    of_type = {each["id"]: each["resources"]["totalCount"] for each in counts["resourceTypes"]["nodes"]}
    assert of_type["resource_type_distribution"] == len(declared)
    assert counts["scopes"]["totalCount"] == 1
    assert counts["tagGroups"]["totalCount"] == len({text.partition(" :: ")[0] for text in every})
    assert counts["tags"]["totalCount"] == len(every)
    assert counts["tagAssignments"]["totalCount"] == sum(map(len, declared.values()))


@pytest.mark.parametrize("name", ["aiohttp", "pytest", "sqlalchemy", "strawberry-graphql"])
def test_a_distribution_says_what_its_metadata_says(loaded: Served, name: str) -> None:
    said = metadata.distribution(name)
    node = resource(loaded, "distribution", name)
    assert node["displayName"] == f"{said.metadata['Name']} {said.version}"
    assert node["data"]["version"] == said.version
    assert node["data"]["summary"] == said.metadata["Summary"]
    assert node["data"]["requires"] == (said.requires or [])
    assert node["data"].get("requiresPython") == said.metadata["Requires-Python"]
    assert set(node["data"]["packages"]) <= set(metadata.packages_distributions())


@pytest.mark.parametrize("name", ["aiohttp", "pytest", "sqlalchemy", "strawberry-graphql"])
def test_a_distribution_carries_its_classifiers_as_tags(loaded: Served, name: str) -> None:
    tags = resource(loaded, "distribution", name)["tags"]
    shown = {f"{tag['tagGroup']['name']} :: {tag['label']}" for tag in tags["nodes"]}
    assert shown == classifiers_of(metadata.distribution(name))
    assert tags["totalCount"] == len(shown)
    assert all(tag["identifier"] == tag["label"] for tag in tags["nodes"])


def test_a_package_names_its_distribution(loaded: Served) -> None:
    assert resource(loaded, "package", "aiohttp")["data"] == {"distributions": ["aiohttp"]}
    assert resource(loaded, "package", "_pytest")["data"] == {"distributions": ["pytest"]}


def test_a_module_is_the_file_that_python_imports(loaded: Served) -> None:
    data = resource(loaded, "module", "aiohttp.web")["data"]
    assert data["distribution"] == "aiohttp"
    assert data["bytes"] == Path(aiohttp.web.__file__).stat().st_size


def test_an_author_with_an_address_is_there_with_all_that_is_theirs(loaded: Served) -> None:
    theirs: dict[str, set[str]] = {}
    for name, each in installed().items():
        if found := re.fullmatch(r"[\w .]+ <([\w.+-]+@[\w.-]+)>", each.metadata["Author-email"] or ""):
            theirs.setdefault(found[1].lower(), set()).add(name)
    assert theirs
    for address, names in theirs.items():
        data = resource(loaded, "author", address)["data"]
        assert data["email"].lower() == address
        assert names <= set(data["distributions"])


@pytest.mark.parametrize(
    "query",
    [query for _, query in QUERIES],
    ids=["kinds", "tags", "distributions", "requirements", "waiting"],
)
def test_the_queries_to_paste_answer(loaded: Served, query: str) -> None:
    assert re.search(r'"(displayName|externalId)":"', orjson.dumps(loaded.ask(query)).decode())


def test_a_second_run_changes_nothing(loaded: Served, summary: str) -> None:
    before, aiohttp_before = loaded.ask(COUNTS), resource(loaded, "distribution", "aiohttp")
    projects_before = loaded.ask(PROJECTS)
    done = run_demo(loaded.environment, "--url", loaded.url)
    assert done.returncode == 0, done.stderr
    assert loaded.ask(COUNTS) == before
    assert resource(loaded, "distribution", "aiohttp") == aiohttp_before
    assert aiohttp_before["updatedAt"] is None
    assert loaded.ask(PROJECTS) == projects_before
    assert totals_of_projects(done.stdout) == totals_of_projects(summary)
    (total,) = re.findall(r"^all +([\d,]+) +(\d+) +(\d+) +([\d,]+) ", done.stdout, re.MULTILINE)
    assert total == (total[0], "0", "0", total[0])


def test_without_a_server_it_starts_its_own_and_stops_it(tmp_path: Path) -> None:
    port = free_port()
    done = run_demo(environment_for(tmp_path, port))
    assert done.returncode == 0, done.stderr
    assert f"No server answers at http://127.0.0.1:{port}" in done.stdout
    (own,) = re.findall(r"one of our own at http://127.0.0.1:(\d+),", done.stdout)
    assert not listens(int(own))
    again = run_demo(environment_for(tmp_path, port))
    assert again.returncode == 0, again.stderr
    assert re.search(r"^scopes +1 +0 +0 +1 ", again.stdout, re.MULTILINE), again.stdout


def test_a_named_server_that_does_not_answer_is_an_error(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    done = run_demo(environment_for(tmp_path, free_port()), "--url", url)
    assert done.returncode == 1
    assert done.stderr == f"demo: no server answers at {url}\n"
    assert not (tmp_path / "sheaf.db").exists()


def test_a_wrong_token_is_told(served: Served) -> None:
    done = run_demo(served.environment, "--url", served.url, "--token", "wrong")
    assert done.returncode == 1
    assert f"{served.url} doesn't know the token" in done.stderr
