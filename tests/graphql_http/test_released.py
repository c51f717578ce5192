"""What a release has promised: `docs/schema/released.graphql` is the schema of the last one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from graphql import build_schema, find_breaking_changes

if TYPE_CHECKING:
    from graphql import GraphQLSchema

PROJECT = Path(__file__).parents[2]
# `Type` or `Type.member`, and `@directive`.
NAME = re.compile(r"(@?\w+)(?:\.\w+)?")


def read(path: str) -> str:
    return (PROJECT / path).read_text(encoding="utf-8")


def unannounced(released: GraphQLSchema, now: GraphQLSchema, changelog: str) -> list[str]:
    """Return the breaking changes whose `Type.member` no line of the unreleased section names as **Breaking**."""
    announced = {
        match[0] for line in unreleased(changelog) if "**Breaking**" in line for match in NAME.finditer(line)
    }
    return [
        change.description
        for change in find_breaking_changes(released, now)
        if changed(released, change.description) not in announced
    ]


def changed(released: GraphQLSchema, description: str) -> str:
    """Return what a change changes, which is the first thing of the schema that its description names."""
    directives = {f"@{directive.name}" for directive in released.directives}
    known = directives | set(released.type_map)
    return next(match[0] for match in NAME.finditer(description) if match[1] in known)


def unreleased(changelog: str) -> list[str]:
    """Return the entries of the newest section, each as one line, if it isn't released yet."""
    newest = changelog.partition("\n## ")[2].partition("\n## ")[0]
    if "unreleased" not in newest.partition("\n")[0]:
        return []
    return [" ".join(entry.split()) for entry in newest.split("\n- ")[1:]]


def test_no_change_breaks_what_was_released_unless_the_changelog_names_it() -> None:
    released, now = build_schema(read("docs/schema/released.graphql")), build_schema(read("schema.graphql"))
    assert unannounced(released, now, read("CHANGELOG.md")) == []


RELEASED = """type Query { tag(id: ID!): Tag tags: [Tag!]! } type Tag { id: ID! label: String! }
    enum Outcome { CREATED DELETED } input NewTag { label: String } directive @seen on FIELD"""
CHANGELOG = "# Changelog\n\n## 0.2.0 (unreleased)\n\n{}\n\n## 0.1.0\n\n- **Breaking** `Tag.label` once.\n"


@pytest.mark.parametrize(
    ("before", "after", "name", "description"),
    [
        ("label: String! }", "}", "Tag.label", "Field Tag.label was removed."),
        ("[Tag!]! }", "[Tag!] }", "Query.tags", "Field Query.tags changed type from [Tag!]! to [Tag!]."),
        ("tag(id: ID!)", "tag", "Query.tag", "Argument Query.tag(id:) was removed."),
        ("tags:", "tags(n: Int!):", "Query.tags", "A required argument Query.tags(n:) was added."),
        ("CREATED ", "", "Outcome.CREATED", "Enum value Outcome.CREATED was removed."),
        ("{ label: String }", "{ id: ID! }", "NewTag.label", "Field NewTag.label was removed."),
        ("input NewTag { label: String }", "", "NewTag", "NewTag was removed."),
        ("directive @seen on FIELD", "", "@seen", "Directive @seen was removed."),
    ],
)
def test_a_breaking_change_is_found_until_a_line_names_it(
    before: str, after: str, name: str, description: str
) -> None:
    assert before in RELEASED
    released, now = build_schema(RELEASED), build_schema(RELEASED.replace(before, after))
    for entry in ("", f"- `{name}` is better now.", "- **Breaking** `Query.other` is gone."):
        found = unannounced(released, now, CHANGELOG.format(entry))
        assert description in found
    names = f"`{name}`" if name != "NewTag.label" else "`NewTag.label` and `NewTag.id`"
    told = CHANGELOG.format(f"- Something else.\n- **Breaking** what was there\n  in {names} has changed.")
    assert unannounced(released, now, told) == []
    assert description in unannounced(released, now, told.replace("(unreleased)", "(2026-11-22)"))


def test_what_is_added_breaks_nothing() -> None:
    added = RELEASED.replace("id: ID! label", "id: ID! color: String label").replace("CREATED", "CREATED NEW")
    assert unannounced(build_schema(RELEASED), build_schema(added), CHANGELOG.format("")) == []
