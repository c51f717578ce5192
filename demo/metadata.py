"""The metadata of the installed Python distributions, as plain values."""

from __future__ import annotations

import email.utils
import re
from dataclasses import dataclass
from importlib import metadata
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SEPARATOR = " :: "
UNKNOWN = {"", "UNKNOWN", "None"}


@dataclass(frozen=True)
class Author:
    """Somebody who made or keeps a distribution, known by address or else by name."""

    key: str
    name: str
    email: str | None


@dataclass(frozen=True)
class Classifier:
    """A trove classifier: its first segment, and the rest."""

    group: str
    tag: str

    @classmethod
    def of(cls, text: str) -> Classifier:
        """Split a classifier: `License :: OSI Approved` is `OSI Approved` in `License`."""
        group, _, tag = text.partition(SEPARATOR)
        return cls(group.strip(), tag.strip() or group.strip())


@dataclass(frozen=True)
class Module:
    """A Python source file of a distribution, by the name that imports it."""

    name: str
    path: str
    size: int | None
    sha256: str | None


@dataclass(frozen=True)
class Distribution:
    """What a distribution says of itself."""

    key: str
    """The normalised name."""
    name: str
    version: str
    summary: str | None
    license: str | None
    requires_python: str | None
    home_page: str | None
    requires: tuple[str, ...]
    """As written, with versions, extras and markers."""
    classifiers: tuple[Classifier, ...]
    authors: tuple[Author, ...]
    modules: tuple[Module, ...]

    @property
    def packages(self) -> list[str]:
        """The top-level names that it lets Python import."""
        return sorted({module.name.partition(".")[0] for module in self.modules})


def distributions() -> list[Distribution]:
    """Read all distributions in the order of their names; of several with one name the one that Python finds first."""
    found: dict[str, Distribution] = {}
    for each in metadata.distributions():
        # A half-removed distribution has a folder and no name.
        if (name := _text(each.metadata, "Name")) and normalised(name) not in found:
            found[normalised(name)] = _read(name, each)
    return [found[key] for key in sorted(found)]


def normalised(name: str) -> str:
    """Return the one spelling of a distribution's name (PyPA, names and normalization)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _read(name: str, found: metadata.Distribution) -> Distribution:
    about = found.metadata
    classifiers = dict.fromkeys(Classifier.of(text) for text in about.get_all("Classifier") or ())
    return Distribution(
        key=normalised(name),
        name=name,
        version=found.version,
        summary=_text(about, "Summary"),
        license=_license(about, classifiers),
        requires_python=_text(about, "Requires-Python"),
        home_page=_home_page(about),
        requires=tuple(found.requires or ()),
        classifiers=tuple(classifiers),
        authors=tuple(_authors(about)),
        modules=tuple(_modules(found.files or ())),
    )


def _text(about: metadata.PackageMetadata, field: str) -> str | None:
    text = (about.get_all(field) or [""])[0].strip()
    return None if text in UNKNOWN else text


def _license(about: metadata.PackageMetadata, classifiers: Iterable[Classifier]) -> str | None:
    """Return the licence's name: the expression, else the free text, else the classifiers'."""
    for field in ("License-Expression", "License"):
        # Some put the whole licence here; its first line says which it is.
        if text := _text(about, field):
            return text.partition("\n")[0].strip()
    named = [each.tag.rpartition(SEPARATOR)[2] for each in classifiers if each.group == "License"]
    return ", ".join(named) or None


def _home_page(about: metadata.PackageMetadata) -> str | None:
    if page := _text(about, "Home-page"):
        return page
    links = dict(text.partition(", ")[::2] for text in about.get_all("Project-URL") or ())
    named = {label.strip().lower().replace("-", ""): link.strip() for label, link in links.items()}
    return next((named[name] for name in ("homepage", "home", "source", "repository") if name in named), None)


def _authors(about: metadata.PackageMetadata) -> Iterator[Author]:
    """Yield the authors and maintainers, each once."""
    seen: set[str] = set()
    for role in ("Author", "Maintainer"):
        name = _text(about, role)
        listed = email.utils.getaddresses([_text(about, f"{role}-email") or ""])
        people = [(shown, address) for shown, address in listed if "@" in address]
        if len(people) == 1 and not people[0][0]:
            people = [(name or "", people[0][1])]
        for shown, address in people or ([(name, "")] if name else []):
            key = (address or shown).lower()
            if key not in seen:
                seen.add(key)
                yield Author(key, shown or address, address or None)


def _modules(files: Iterable[metadata.PackagePath]) -> Iterator[Module]:
    """Yield the sources that can be imported; scripts and files beside the packages aren't."""
    for file in files:
        path = PurePath(file)
        parts = list(path.with_suffix("").parts)
        if parts[-1] == "__init__":
            parts.pop()
        if path.suffix == ".py" and parts and all(part.isidentifier() for part in parts):
            digest = file.hash.value if file.hash and file.hash.mode == "sha256" else None
            yield Module(".".join(parts), str(file), file.size, digest)
