"""The catalogue dialect (seeds 000, 001, 002): six nouns, the same routes for each."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from app.rest.catalogue import operations
from app.rest.catalogue.creates import create_many, create_one
from app.rest.catalogue.doors import DOORS
from app.rest.catalogue.objects import delete_one, get_one, patch_one, put_one
from app.rest.catalogue.pages import get_page
from app.rest.routes import Route

if TYPE_CHECKING:
    from collections.abc import Iterator


def routes() -> Iterator[Route]:
    """Yield the routes of every noun."""
    for door in DOORS:
        one = f"{door.path}/{{id}}"
        yield Route("GET", door.path, partial(get_page, door), operations.listing(door))
        yield Route("POST", door.path, partial(create_one, door), operations.creation(door))
        yield Route("POST", f"{door.path}/batch", partial(create_many, door), operations.batch_creation(door))
        yield Route("GET", one, partial(get_one, door), operations.reading(door))
        if door.change is not None:
            yield Route("PATCH", one, partial(patch_one, door), operations.change(door))
            yield Route("PUT", one, partial(put_one, door), operations.replacement(door))
        yield Route("DELETE", one, partial(delete_one, door), operations.deletion(door))
