"""Metadata as the catalogue's objects: the bodies of the batch routes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from demo.metadata import Author, Classifier, Distribution

Item = dict[str, Any]

SCOPE = "scope_python"
DISTRIBUTION = "resource_type_distribution"
AUTHOR = "resource_type_author"
PACKAGE = "resource_type_package"
MODULE = "resource_type_module"

TYPES = (
    (DISTRIBUTION, "Distribution", "What a package manager installs under one name and version"),
    (AUTHOR, "Author", "Who made or keeps distributions"),
    (PACKAGE, "Package", "A top-level name that an import statement can begin with"),
    (MODULE, "Module", "A Python source file"),
)


def scopes() -> list[Item]:
    """Return the root scope of all that follows."""
    return [{"id": SCOPE, "name": "Python"}]


def resource_types() -> list[Item]:
    """Return the kinds of resources."""
    return [
        {"id": type_id, "scopeId": SCOPE, "key": name.lower(), "name": name, "description": description}
        for type_id, name, description in TYPES
    ]


def tag_groups(classifiers: Iterable[Classifier]) -> list[Item]:
    """Return a tag group for each first segment of the classifiers."""
    names = sorted({each.group for each in classifiers})
    return [{"scopeId": SCOPE, "key": group_key(name), "name": name} for name in names]


def tags(classifiers: Iterable[Classifier], group_ids: dict[str, str]) -> list[Item]:
    """Return a tag for each classifier; `group_ids` by the groups' keys."""
    distinct = sorted(set(classifiers), key=lambda each: (each.group, each.tag))
    return [
        {
            "scopeId": SCOPE,
            "tagGroupId": group_ids[group_key(each.group)],
            "identifier": each.tag,
            "label": each.tag,
        }
        for each in distinct
    ]


def group_key(name: str) -> str:
    """Return the key of a group: `Programming Language` is `programming-language`."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def resources(found: Sequence[Distribution]) -> list[Item]:
    """Return the distributions, authors, top-level packages and modules."""
    return [*map(_distribution, found), *_authors(found), *_packages(found), *_modules(found)]


def _resource(type_id: str, external_id: str, name: str, data: Item) -> Item:
    return {
        "scopeId": SCOPE,
        "resourceTypeId": type_id,
        "externalResourceId": external_id,
        "displayName": name,
        "data": {member: value for member, value in data.items() if value is not None},
    }


def _distribution(each: Distribution) -> Item:
    data: Item = {
        "name": each.name,
        "version": each.version,
        "summary": each.summary,
        "license": each.license,
        "requiresPython": each.requires_python,
        "homePage": each.home_page,
        "requires": list(each.requires),
        "authors": [author.key for author in each.authors],
        "packages": each.packages,
    }
    return _resource(DISTRIBUTION, each.key, f"{each.name} {each.version}", data)


def _authors(found: Sequence[Distribution]) -> list[Item]:
    known: dict[str, Author] = {}
    made: dict[str, list[str]] = {}
    for distribution in found:
        for author in distribution.authors:
            known.setdefault(author.key, author)
            made.setdefault(author.key, []).append(distribution.key)
    return [
        _resource(AUTHOR, key, who.name, {"name": who.name, "email": who.email, "distributions": made[key]})
        for key, who in sorted(known.items())
    ]


def _packages(found: Sequence[Distribution]) -> list[Item]:
    owners: dict[str, list[str]] = {}
    for distribution in found:
        for package in distribution.packages:
            owners.setdefault(package, []).append(distribution.key)
    return [_resource(PACKAGE, name, name, {"distributions": keys}) for name, keys in sorted(owners.items())]


def _modules(found: Sequence[Distribution]) -> list[Item]:
    # Two distributions may bring the same module; Python imports the file that was written last.
    modules = {
        module.name: _resource(
            MODULE,
            module.name,
            module.name,
            {
                "distribution": distribution.key,
                "path": module.path,
                "bytes": module.size,
                "sha256": module.sha256,
            },
        )
        for distribution in found
        for module in distribution.modules
    }
    return list(modules.values())


def tag_assignments(
    found: Sequence[Distribution], resource_ids: dict[str, str], tag_ids: dict[Classifier, str]
) -> list[Item]:
    """Return which distribution carries which tags; `resource_ids` by the distributions' keys."""
    return [
        {"resourceId": resource_ids[distribution.key], "tagId": tag_ids[classifier]}
        for distribution in found
        for classifier in distribution.classifiers
    ]
