"""Queries that say something about the loaded data, to paste into the explorer."""

from __future__ import annotations

from demo.catalogue import DISTRIBUTION, SCOPE

QUERIES: tuple[tuple[str, str], ...] = (
    (
        "What is there: the kinds of resources, how many of each, and a few of them",
        f"""{{
  scope(id: "{SCOPE}") {{
    name
    resourceTypes {{
      nodes {{ name description resources(first: 3) {{ totalCount nodes {{ displayName }} }} }}
    }}
  }}
}}""",
    ),
    (
        "Which licences, Python versions and topics the distributions declare, and how many declare each",
        f"""{{
  tagGroups(scopeId: "{SCOPE}") {{
    nodes {{ name tags(first: 20) {{ totalCount nodes {{ label resources(first: 3) {{
      totalCount nodes {{ displayName }}
    }} }} }} }}
  }}
}}""",
    ),
    (
        "Each distribution with its own words and all its tags",
        f"""{{
  resources(first: 10, resourceTypeId: "{DISTRIBUTION}") {{
    totalCount
    nodes {{ displayName data tags {{ totalCount nodes {{ label tagGroup {{ name }} }} }} }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}""",
    ),
    (
        "One name as a distribution and as a project: what it requires, what that requires, and what requires it",
        f"""{{
  resources(scopeId: "{SCOPE}", externalResourceId: "rich") {{
    nodes {{
      displayName
      resourceType {{ name }}
      references(first: 20) {{ nodes {{ path target {{
        displayName references(first: 20) {{ nodes {{ targetExternalId }} }}
      }} }} }}
      referencedBy(first: 20) {{ nodes {{ source {{
        displayName referencedBy(first: 20) {{ nodes {{ source {{ displayName }} }} }}
      }} }} }}
    }}
  }}
}}""",
    ),
    (
        "Which uploads have records that wait, and what for",
        f"""{{
  batches(scopeId: "{SCOPE}", status: PENDING, first: 10) {{
    nodes {{
      id resourceTypeKey counts {{ total succeeded waiting failed }}
      waiting {{ nodes {{ externalId expiresAt waitsFor {{ resourceTypeKey externalId }} }} }}
    }}
  }}
}}""",
    ),
)
