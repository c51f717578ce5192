"""Loads the distributions, each kind of object after those that it refers to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from demo import catalogue
from demo.metadata import Classifier

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from demo.client import Client
    from demo.metadata import Distribution

Item = dict[str, Any]


async def load(
    client: Client, found: Sequence[Distribution], progress: Callable[[str, int, int], None]
) -> None:
    """Load distributions; running it again changes only what changed meanwhile.

    `progress` hears of each batch: the path, how many objects were sent now, and how many there are.
    """

    async def merge(path: str, items: list[Item]) -> list[Item]:
        progress(path, 0, len(items))
        return await client.merge(path, items, lambda sent: progress(path, sent, len(items)))

    classifiers = [each for distribution in found for each in distribution.classifiers]
    await merge("/scopes", catalogue.scopes())
    await merge("/resource-types", catalogue.resource_types())
    groups = await merge("/tag-groups", catalogue.tag_groups(classifiers))
    group_ids = {group["key"]: group["id"] for group in groups}
    tags = await merge("/tags", catalogue.tags(classifiers, group_ids))
    resources = await merge("/resources", catalogue.resources(found))
    names = {group["id"]: group["name"] for group in groups}
    tag_ids = {Classifier(names[tag["tagGroupId"]], tag["identifier"]): tag["id"] for tag in tags}
    distribution_ids = {
        resource["externalResourceId"]: resource["id"]
        for resource in resources
        if resource["resourceTypeId"] == catalogue.DISTRIBUTION
    }
    await merge("/tag-assignments", catalogue.tag_assignments(found, distribution_ids, tag_ids))
