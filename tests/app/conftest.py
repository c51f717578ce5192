"""`sheaf` as a process of its own, and its refusals without one."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from app.cli import main, serve
from tests.app.processes import Sheaf

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Refusal = Callable[..., str]


@pytest.fixture
def sheaf(tmp_path: Path) -> Iterator[Sheaf]:
    """Return what runs `sheaf`; whatever it started ends with the test."""
    sheaf = Sheaf(tmp_path)
    yield sheaf
    sheaf.end_all()


@pytest.fixture
def refusal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refusal:
    """Return what runs a command that must refuse, and returns the one line that it says."""
    # The logs of this process are no business of a command's.
    monkeypatch.setattr(serve, "configure_logging", lambda *_: None)

    def run(*arguments: str, **settings: str) -> str:
        for name in [name for name in os.environ if name.startswith("SHEAF_")]:
            monkeypatch.delenv(name)
        for name, value in settings.items():
            monkeypatch.setenv(f"SHEAF_{name.upper()}", value)
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        said = capsys.readouterr()
        assert (ended.value.code, said.out) == (2, "")
        lines = said.err.splitlines()
        assert len(lines) == 1, lines
        assert lines[0].startswith("sheaf: ")
        return lines[0]

    return run
