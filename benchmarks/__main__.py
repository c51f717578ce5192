"""`python -m benchmarks [NAME …]`: all benchmarks, or those named."""

from __future__ import annotations

import argparse

from benchmarks import create, deep_pages, executor, operations, read, small_get, uploads

BENCHMARKS = {
    "create": create.main,
    "deep_pages": deep_pages.main,
    "executor": executor.main,
    "operations": operations.main,
    "read": read.main,
    "small_get": small_get.main,
    "uploads": uploads.main,
}


def main() -> None:
    """Run benchmarks one after the other."""
    parser = argparse.ArgumentParser(prog="benchmarks", description="Measure, side by side with the limit.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which ones: {', '.join(BENCHMARKS)}; all by default"
    )
    names = parser.parse_args().names or list(BENCHMARKS)
    if unknown := [name for name in names if name not in BENCHMARKS]:
        parser.error(f"there is no benchmark {unknown[0]}")
    for name in names:
        BENCHMARKS[name]()


main()
