"""`sheaf` as a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.app.processes import Sheaf

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def sheaf(tmp_path: Path) -> Iterator[Sheaf]:
    """Return what runs `sheaf`; whatever it started ends with the test."""
    sheaf = Sheaf(tmp_path)
    yield sheaf
    sheaf.end_all()
