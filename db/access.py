"""Who asks, and how far that reaches. Every read and write carries a `Principal`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum
from functools import cached_property

from db.errors import Code, Refused


class Role(IntEnum):
    """What a caller may do within reach; each role includes those before it."""

    READER = 1
    WRITER = 2
    ADMIN = 3

    @classmethod
    def named(cls, name: str) -> Role | None:
        """Return the role of a name (`reader`), `None` for any other word."""
        return cls.__members__.get(name.upper()) if name.islower() else None


class ReachKind(Enum):
    """The forms that the condition of a reach takes in SQL."""

    EVERYTHING = "everything"
    ROOT = "root"
    SUBTREE = "subtree"


def paths_above(path: str) -> list[str]:
    """Return the paths of the scopes above a scope's, from the root down."""
    keys = path.split("/")[:-2]
    return ["/".join(keys[: i + 1]) + "/" for i in range(len(keys))]


@dataclass(frozen=True)
class Reach:
    """A scope and everything below it, as a range of paths."""

    root_id: str
    scope_id: str
    path: str

    @property
    def low(self) -> str:
        """The first path within."""
        return self.path

    @cached_property
    def high(self) -> str:
        """The first path behind: the byte after `/` is `0`."""
        return self.path[:-1] + "0"

    @cached_property
    def above(self) -> list[str]:
        """The paths of the scopes above, whose types, tag groups and tags may be read and used."""
        return paths_above(self.path)

    def covers(self, path: str) -> bool:
        """Whether a scope's path is this scope's or below it."""
        return path.startswith(self.path)


@dataclass(frozen=True)
class Principal:
    """The caller of a request: a token's holder, or the server's built-in root."""

    subject: str
    role: Role
    reach: Reach | None = None
    """`None` reaches every root: only the built-in root token, not narrowed."""
    tenant_bound: bool = False
    """A tenant's token, which may name no other scope than its own."""
    expires_at: float | None = None
    """Seconds since the epoch."""
    token_hash: str | None = field(default=None, repr=False)

    @property
    def kind(self) -> ReachKind:
        """The form of this caller's reach."""
        if self.reach is None:
            return ReachKind.EVERYTHING
        return ReachKind.ROOT if self.reach.root_id == self.reach.scope_id else ReachKind.SUBTREE

    @property
    def root_id(self) -> str | None:
        """The one root this caller acts in, `None` for every root."""
        return self.reach.root_id if self.reach else None

    def within(self, reach: Reach) -> Principal:
        """Return this caller with a narrower reach."""
        return Principal(self.subject, self.role, reach, self.tenant_bound, self.expires_at, self.token_hash)

    def reaches(self, path: str) -> bool:
        """Whether a scope's path is within reach."""
        return self.reach is None or self.reach.covers(path)

    def may_use(self, path: str) -> bool:
        """Whether the shared objects of a scope with this path are within reach, or above it."""
        return self.reach is None or self.reach.covers(path) or self.reach.path.startswith(path)

    def require(self, role: Role) -> None:
        """Refuse a caller whose role is less than `role`."""
        if self.role < role:
            raise Refused(Code.FORBIDDEN, f"this takes a token with the role {role.name.lower()}")


# What the server does by itself and the operator at the command line.
SYSTEM = Principal(subject="system", role=Role.ADMIN)

# Who brings no token to a route that takes none: no scope has this root, and none has a path like this.
NOBODY = Principal(subject="nobody", role=Role.READER, reach=Reach(root_id="", scope_id="", path="/"))
