"""What `sheaf serve` prints: where it listens, who may call, and what to paste."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.settings import Settings

# The scopes and the group that the samples below refer to, then the samples of seeds 001, 000 and 002.
SAMPLES: tuple[tuple[str, str, object], ...] = (
    (
        "the scopes and the tag group that the samples refer to",
        "/scopes/batch",
        [
            {"id": "scope_acme", "name": "Acme"},
            {"id": "scope_engineering", "parentScopeId": "scope_acme", "name": "Engineering"},
        ],
    ),
    (
        "",
        "/tag-groups",
        {"id": "tag_group_priority", "scopeId": "scope_acme", "key": "priority", "name": "Priority"},
    ),
    (
        "resource types, resources and tags, a batch each",
        "/resource-types/batch",
        [
            {"id": "resource_type_document", "name": "Document", "key": "document", "scopeId": "scope_acme"},
            {"id": "resource_type_folder", "name": "Folder", "key": "folder", "scopeId": "scope_acme"},
        ],
    ),
    (
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
    (
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


def welcome(settings: Settings, token: str) -> str:
    """Return the text that a person sees when the server listens."""
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104 - compared, not bound
    here = f"http://{host}:{settings.port}"
    lines = [
        f"Sheaf serves {here}",
        f"  explorer    {here}/",
        f"  GraphQL     {here}/graphql",
        f"  REST        {here}/scopes, /resource-types, /resources, /tag-groups, /tags, /tag-assignments",
        f"  root token  {token}",
        "",
    ]
    for title, path, body in SAMPLES:
        if title:
            lines.append(f"# {title}")
        lines += [
            f"curl -X POST '{here}{path}' \\",
            f"  -H 'Authorization: Bearer {token}' \\",
            "  -H 'Content-Type: application/json' \\",
            f"  -d '{json.dumps(body, ensure_ascii=False)}'",
            "",
        ]
    return "\n".join(lines)
