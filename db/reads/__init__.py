"""Reads of any noun: by id for loaders, a page of a list, a page of each parent's children."""

from db.reads.edges import Edge, children, count_children
from db.reads.lists import Member, Selection, count, page
from db.reads.objects import by_id, by_ids, one, roots, shared
from db.reads.pages import BY_ID, DEFAULT_LIMIT, MAX_LIMIT, Order, Page, Slice
from db.reads.reach import path_range, reach_parameters, within

__all__ = [
    "BY_ID",
    "DEFAULT_LIMIT",
    "MAX_LIMIT",
    "Edge",
    "Member",
    "Order",
    "Page",
    "Selection",
    "Slice",
    "by_id",
    "by_ids",
    "children",
    "count",
    "count_children",
    "one",
    "page",
    "path_range",
    "reach_parameters",
    "roots",
    "shared",
    "within",
]
