"""What `sheaf serve` prints: where it listens, who may call, and what to paste."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from app.samples import SAMPLES

if TYPE_CHECKING:
    from app.settings import Settings


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
