"""The requests of seeds 001, 000 and 002, and those that make what they refer to: pasted, tested and documented."""

from __future__ import annotations

from typing import Any, NamedTuple


class Sample(NamedTuple):
    """A request body of the seeds, for one path."""

    title: str
    """Empty where it goes on what the sample before it began."""
    path: str
    body: Any


SAMPLES = (
    Sample(
        "the scopes and the tag group that the samples refer to",
        "/scopes/batch",
        [
            {"id": "scope_acme", "name": "Acme"},
            {"id": "scope_engineering", "parentScopeId": "scope_acme", "name": "Engineering"},
        ],
    ),
    Sample(
        "",
        "/tag-groups",
        {"id": "tag_group_priority", "scopeId": "scope_acme", "key": "priority", "name": "Priority"},
    ),
    Sample(
        "resource types, resources and tags, a batch each",
        "/resource-types/batch",
        [
            {"id": "resource_type_document", "name": "Document", "key": "document", "scopeId": "scope_acme"},
            {"id": "resource_type_folder", "name": "Folder", "key": "folder", "scopeId": "scope_acme"},
        ],
    ),
    Sample(
        "",
        "/resources/batch",
        [
            {
                "resourceTypeId": "resource_type_document",
                "scopeId": "scope_engineering",
                "externalResourceId": "doc-123",
                "displayName": "Project Roadmap",
            },
            {
                "resourceTypeId": "resource_type_document",
                "scopeId": "scope_engineering",
                "externalResourceId": "doc-456",
                "displayName": "API Specification",
            },
        ],
    ),
    Sample(
        "",
        "/tags/batch",
        [
            {
                "scopeId": "scope_acme",
                "tagGroupId": "tag_group_priority",
                "identifier": identifier,
                "label": f"{identifier.capitalize()} Priority",
            }
            for identifier in ("high", "medium", "low")
        ],
    ),
)

# Seed 003 shows no request of its own.
OPERATIONS = {
    "requests": [
        {
            "method": "POST",
            "url": "/tags",
            "body": {
                "scopeId": "scope_acme",
                "tagGroupId": "tag_group_priority",
                "identifier": "urgent",
                "label": "Urgent",
            },
        },
        {"method": "GET", "url": "/tags", "params": {"tagGroupId": "tag_group_priority", "limit": 10}},
    ],
    "stop_on_error": True,
}

# Seed 004 names no fields: the definition that its request is for, and two records.
DEFINITION: dict[str, Any] = {
    "name": "customer",
    "externalIdField": "id",
    "schema": {
        "type": "object",
        "properties": {"id": {"type": "string"}, "name": {"type": "string"}},
        "required": ["id", "name"],
    },
}
UPLOAD: dict[str, Any] = {
    "resources": [{"id": "customer-1", "name": "Ada Lovelace"}, {"id": "customer-2", "name": "Alan Turing"}]
}
