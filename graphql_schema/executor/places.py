"""Where in the result the objects of a level are; worked out only if something asks for a path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphql.pyutils import Path

if TYPE_CHECKING:
    from collections.abc import Sequence, Sized


class Place:
    """The places of the objects of one level, or of the values of one of its fields: here, that of the root."""

    __slots__ = ("_paths",)

    def __init__(self) -> None:
        self._paths: list[Path | None] | None = None

    def paths(self) -> list[Path | None]:
        """Return the path of each."""
        if self._paths is None:
            self._paths = self._worked_out()
        return self._paths

    def _worked_out(self) -> list[Path | None]:
        return [None]


class OfField(Place):
    """The places of one field's values."""

    __slots__ = ("_above", "_key", "_typename")

    def __init__(self, above: Place, key: str, typename: str) -> None:
        super().__init__()
        self._above, self._key, self._typename = above, key, typename

    def _worked_out(self) -> list[Path | None]:
        return [Path(path, self._key, self._typename) for path in self._above.paths()]


class OfItems(Place):
    """The places of the items of lists, which are one column."""

    __slots__ = ("_above", "_lists")

    def __init__(self, above: Place, lists: Sequence[Sized]) -> None:
        super().__init__()
        self._above, self._lists = above, lists

    def _worked_out(self) -> list[Path | None]:
        return [
            Path(path, index, None)
            for path, each in zip(self._above.paths(), self._lists, strict=True)
            for index in range(len(each))
        ]


class OfSome(Place):
    """Some of the places above."""

    __slots__ = ("_above", "_indices")

    def __init__(self, above: Place, indices: Sequence[int]) -> None:
        super().__init__()
        self._above, self._indices = above, indices

    def _worked_out(self) -> list[Path | None]:
        paths = self._above.paths()
        return [paths[index] for index in self._indices]
