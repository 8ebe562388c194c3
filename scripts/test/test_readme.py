# SPDX-License-Identifier: MIT
"""README's table of strategies says what the program says."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from conftest import SCRIPTS

ROOT = SCRIPTS.parent


def rows() -> dict[str, list[str]]:
    """Cells of the table that begins with `popen`, by strategy."""
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("| `popen` |"))
    found = {}
    for line in lines[start:]:
        if not line.startswith("| `"):
            break
        name, *cells = (cell.strip() for cell in line.strip("|").split(" | "))
        found[name.strip("` ")] = cells
    return found


def strategies() -> dict[str, list[str]]:
    program = ROOT / os.environ.get("B", "build") / "spawnmark"
    if not program.exists():
        pytest.skip("build/spawnmark is missing: make")
    told = subprocess.run([program, "list", "strategies", "--json"], capture_output=True, text=True,
                          check=True)
    return {s["name"]: s["traits"] for s in json.loads(told.stdout) if "METER" not in s["traits"]}


def test_every_strategy_has_its_row_and_its_traits() -> None:
    table = rows()
    for name, traits in strategies().items():
        what, parent, handlers, sandbox, secrets = table[name]
        assert what
        assert parent.startswith("you") == ("CHILD_OF_PARENT" in traits or name == "recycle"), name
        if "FRESH_IMAGE" not in traits and "REUSES_PROCESS" not in traits:
            assert handlers == ("run" if "RUNS_ATFORK" in traits else "do not"), name
        assert sandbox == ("yes" if "SANDBOXES" in traits else "no"), name
        assert ("negative control" in secrets) == ("NEGATIVE_CONTROL" in traits), name
