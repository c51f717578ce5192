"""Executes GraphQL breadth first, by plans that are compiled once: Strawberry's types stay the schema's definition.

Nothing in this package knows the schema of this project: see `docs/executor.md`.
"""

from graphql_schema.executor.executor import BreadthFirstExecutor
from graphql_schema.executor.marks import BREADTH_FIRST, Batched, Keyed, as_it_came, by_class

__all__ = ["BREADTH_FIRST", "Batched", "BreadthFirstExecutor", "Keyed", "as_it_came", "by_class"]
