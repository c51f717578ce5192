"""An example of every noun, in a small catalogue where it can be created."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.server import Client

STAMPS = ("createdAt", "createdBy")
CHANGED = ("updatedAt", "updatedBy")


@dataclass(frozen=True)
class Example:
    """What a test needs to know of a noun."""

    path: str
    namespace: str
    stored: str
    """The id of an object that `furnish` made."""
    new: Mapping[str, Any]
    """What is enough to be sent."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """What can be sent besides."""
    members: tuple[str, ...] = ()
    """The members of an answer that has all of them, in order."""
    change: Mapping[str, Any] | None = None
    """A change of the stored object; `None` for a noun that never changes."""
    fixed: tuple[str, Any] = ("", None)
    """A field that never changes, and a value unlike the stored one."""
    unique: str = ""
    """Where a clash of the unique key is told."""

    def __str__(self) -> str:
        return self.path.removeprefix("/")

    @property
    def required(self) -> list[str]:
        """The fields that must be sent."""
        return sorted(set(self.new) - {"parentScopeId"})

    @property
    def full(self) -> dict[str, Any]:
        """All that can be sent."""
        return {**self.new, **self.more}


EXAMPLES = (
    Example(
        "/scopes",
        "scope",
        "scope_engineering",
        {"parentScopeId": "scope_acme", "name": "Research"},
        {"id": "scope_research", "externalId": "research", "meta": {"z": 1, "a": [True, None, "é"]}},
        ("id", "parentScopeId", "name", "externalId", "meta", *STAMPS, *CHANGED),
        {"name": "Engineers", "meta": {"floor": 3}},
        ("parentScopeId", "scope_sales"),
        "/externalId",
    ),
    Example(
        "/resource-types",
        "resource_type",
        "resource_type_document",
        {"scopeId": "scope_acme", "key": "Folder", "name": "Folder"},
        {
            "id": "resource_type_folder",
            "pluralKey": "folders",
            "description": "",
            "category": "files",
            "schema": {"type": "object"},
            "externalIdField": "number",
            "displayNamePath": "$.title",
        },
        (
            *("id", "name", "key", "scopeId", "pluralKey", "description", "category", "schema"),
            *("externalIdField", "displayNamePath", "schemaVersion", *STAMPS, *CHANGED),
        ),
        {"name": "Paper", "category": "files"},
        ("key", "paper"),
        "/key",
    ),
    Example(
        "/resources",
        "resource",
        "resource_roadmap",
        {
            "resourceTypeId": "resource_type_document",
            "scopeId": "scope_engineering",
            "externalResourceId": "doc-9",
        },
        {"id": "resource_nine", "displayName": "Nine", "data": {"z": 1.5, "a": {"b": [None]}}},
        (
            *("id", "resourceTypeId", "scopeId", "externalResourceId", "displayName", "data"),
            *(*STAMPS, *CHANGED),
        ),
        {"displayName": "The Roadmap", "data": {"pages": 12}},
        ("externalResourceId", "doc-2"),
        "/externalResourceId",
    ),
    Example(
        "/tag-groups",
        "tag_group",
        "tag_group_priority",
        {"scopeId": "scope_acme", "key": "topic", "name": "Topic"},
        {"id": "tag_group_topic", "description": "What about", "maxAppliedPerTarget": 3, "isLocked": True},
        (
            *("id", "scopeId", "key", "name", "description", "maxAppliedPerTarget", "isLocked"),
            *(*STAMPS, *CHANGED),
        ),
        {"name": "Urgency", "maxAppliedPerTarget": 2},
        ("key", "urgency"),
        "/key",
    ),
    Example(
        "/tags",
        "tag",
        "tag_high",
        {
            "scopeId": "scope_acme",
            "tagGroupId": "tag_group_priority",
            "identifier": "low",
            "label": "Low Priority",
        },
        {"id": "tag_low"},
        ("id", "scopeId", "tagGroupId", "identifier", "label", "createdBy", "createdAt", *CHANGED),
        {"label": "Very High Priority"},
        ("identifier", "higher"),
        "/identifier",
    ),
    Example(
        "/tag-assignments",
        "tag_assignment",
        "tag_assignment_first",
        {"tagId": "tag_medium", "resourceId": "resource_roadmap"},
        {"id": "tag_assignment_second", "scopeId": "scope_acme"},
        ("id", "tagId", "resourceId", "scopeId", "appliedBy", "appliedAt", *STAMPS),
        unique="/tagId",
    ),
)
CHANGING = tuple(example for example in EXAMPLES if example.change is not None)


async def furnish(client: Client, *, root: str = "scope_acme", suffix: str = "") -> None:
    """Create a root with scopes below it and one object of every other noun.

    All ids but the root's end in `suffix`; without one, two furnished roots have the same ids.
    """
    scopes = [
        {"id": root, "name": "Acme", "externalId": f"{root}-external"},
        {
            "id": f"scope_engineering{suffix}",
            "parentScopeId": root,
            "name": "Engineering",
            "externalId": "eng",
        },
        {"id": f"scope_platform{suffix}", "parentScopeId": f"scope_engineering{suffix}", "name": "Platform"},
        {"id": f"scope_sales{suffix}", "parentScopeId": root, "name": "Sales", "externalId": "sales"},
    ]
    await client.created("/scopes/batch", scopes)
    inside = client.saying(reach_tenant_id=root)
    document = {"scopeId": root, "key": "document", "name": "Document"}
    await inside.created("/resource-types", {**document, "id": f"resource_type_document{suffix}"})
    tags = [
        {"id": f"tag_{name}{suffix}", "identifier": name, "label": name.capitalize()}
        for name in ("high", "medium")
    ]
    group = {"id": f"tag_group_priority{suffix}", "scopeId": root, "key": "priority", "name": "Priority"}
    await inside.created("/tag-groups", {**group, "tags": tags})
    roadmap = {
        "id": f"resource_roadmap{suffix}",
        "resourceTypeId": f"resource_type_document{suffix}",
        "scopeId": f"scope_engineering{suffix}",
        "externalResourceId": "doc-1",
        "displayName": "Roadmap",
    }
    await inside.created("/resources", roadmap)
    first = {"tagId": f"tag_high{suffix}", "resourceId": f"resource_roadmap{suffix}"}
    await inside.created("/tag-assignments", {**first, "id": f"tag_assignment_first{suffix}"})
