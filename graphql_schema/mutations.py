"""The mutations of any noun: items in, one command, a payload out."""

import json
from functools import cache
from typing import Annotated, Any, TypeVar

import msgspec
import strawberry

from db import engine, idempotency
from db.commands import Command, Create, Delete, OnConflict, OnError, Target, Update, Updating
from db.errors import Code, Fault
from db.nouns import Noun, RowT
from db.outcomes import Outcome, Report, Result
from db.shapes import MAX_ITEMS
from db.tag_assignments import TAG_ASSIGNMENTS, by_pairs
from graphql_schema import results
from graphql_schema.context import Info
from graphql_schema.enums import OnConflict as _  # noqa: F401
from graphql_schema.errors import BadArgument
from graphql_schema.inputs import DeleteInput, Items, ResourceTagInput, bounded, findable, target, typed
from graphql_schema.pagination import given
