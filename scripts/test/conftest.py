# SPDX-License-Identifier: MIT
"""Paths and the golden run that every test starts from."""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(SCRIPTS), str(SCRIPTS / "test")]

import make_golden  # noqa: E402
import runfile  # noqa: E402


@pytest.fixture(scope="session")
def golden_once() -> dict[str, Any]:
    return make_golden.golden()


@pytest.fixture
def golden(golden_once: dict[str, Any]) -> dict[str, Any]:
    """A fresh copy that the test may damage."""
    return copy.deepcopy(golden_once)


@pytest.fixture(scope="session")
def everything_once() -> dict[str, Any]:
    return make_golden.everything()


@pytest.fixture
def everything(everything_once: dict[str, Any]) -> dict[str, Any]:
    """Golden with all strategies; a fresh copy."""
    return copy.deepcopy(everything_once)


@pytest.fixture
def whole(everything: dict[str, Any], tmp_path: Path) -> runfile.Run:
    return runfile.Run(everything, tmp_path)


@pytest.fixture
def run(golden: dict[str, Any], tmp_path: Path) -> runfile.Run:
    return runfile.Run(golden, tmp_path)


@pytest.fixture
def folder(golden: dict[str, Any], tmp_path: Path) -> Path:
    """A results folder with nothing but run.json."""
    made = tmp_path / "vm-6.18-20261123"
    made.mkdir()
    (made / "run.json").write_text(json.dumps(golden), encoding="utf-8")
    return made
