#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_schema.py FILE…: does each run.json obey harness/driver/run.schema.json?

Exit 0: all do. 1: one does not (each fault is a line). 2: a file cannot be read, or is of a newer
spawnmark.
"""

from __future__ import annotations

import sys
from pathlib import Path

import runfile


def check_file(path: Path) -> int:
    """0, 1 or 2, as the program's exit."""
    try:
        raw = runfile.read_json(path)
        runfile.refuse_newer(raw, path)
        faults = runfile.check(raw, str(path))
    except runfile.RunError as err:
        print(f"check_schema.py: {err}", file=sys.stderr)
        return 2
    for fault in faults:
        print(fault)
    return 1 if faults else 0


def main(argv: list[str]) -> int:
    if not argv or argv[0].startswith("-"):
        print("usage: check_schema.py FILE…", file=sys.stdout if argv == ["--help"] else sys.stderr)
        return 0 if argv == ["--help"] else 2
    return max(check_file(Path(name)) for name in argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
