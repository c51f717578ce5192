"""What all commands share: the settings, and how it is told what the user got wrong."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from app.settings import BadSetting, Settings
from db.errors import SheafError

if TYPE_CHECKING:
    import argparse


def run(parsed: argparse.Namespace) -> int:
    """Run the command that was given, and return its exit status."""
    for name in Settings.unknown(os.environ):
        print(f"sheaf: {name} is not a setting of this version, and is left out", file=sys.stderr)
    try:
        status: int = parsed.run(parsed, Settings.read(os.environ))
    except (BadSetting, SheafError, ValueError, OSError) as error:
        print(f"sheaf: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return status
