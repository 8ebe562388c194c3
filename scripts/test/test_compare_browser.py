# SPDX-License-Identifier: MIT
"""The page of a comparison in a real browser: no console error, nothing too wide, readable."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from browser import (BROWSER, MISSING, NO_PRINTER, SCHEMES, WIDTHS, check_sheets, look, on_paper,
                     printed)
from test_browser import CONTRAST, TEXT
from test_compare import slow_down, squeeze

import compare

pytestmark = pytest.mark.skipif(BROWSER is None, reason=MISSING)


@pytest.fixture(scope="module")
def page(golden_once: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of three runs, one of them without an end to its name; everything unfolded."""
    tmp_path = tmp_path_factory.mktemp("compare")
    slower = squeeze(copy.deepcopy(golden_once))
    slow_down(slower, 1.1, "^startup/zygote/none$")
    slow_down(slower, 20.0, "^startup/popen/python$")  # far beyond the axis
    folders = []
    for name, run in (("a", squeeze(copy.deepcopy(golden_once))), ("b", slower),
                      ("c" * 100, slower)):
        folders.append(tmp_path / name)
        folders[-1].mkdir()
        (folders[-1] / "run.json").write_text(json.dumps(run), encoding="utf-8")
    made = tmp_path / "compare.html"
    assert compare.main([*map(str, folders), "--html", str(made)]) == 1
    return made.read_text(encoding="utf-8").replace("<details", "<details open")


def test_widths(page: str, tmp_path: Path) -> None:
    seen, console = look([(page, w) for w in WIDTHS], tmp_path)
    assert console == [] and [s["asked"] for s in seen] == list(WIDTHS)
    for s in seen:
        assert s["height"] > 2000 and s["scroll"] <= s["inner"] and s["doubled"] == 0


@pytest.mark.parametrize("scheme", SCHEMES)
def test_contrast(page: str, scheme: str, tmp_path: Path) -> None:
    (seen,), _ = look([(page, 1000)], tmp_path, CONTRAST, scheme)
    assert seen["worst"]["n"] > 200
    ratio, where = seen["worst"]["least"]
    assert ratio >= TEXT, f"{ratio:.2f}: {where}"


def test_nothing_is_cut_on_paper(page: str, tmp_path: Path) -> None:
    seen = on_paper(page, tmp_path)
    assert seen["seen"] > 3 and seen["cut"] == []


@pytest.mark.skipif(NO_PRINTER is not None, reason=str(NO_PRINTER))
def test_sheets(page: str, tmp_path: Path) -> None:
    check_sheets(printed(page, tmp_path, "dark"))
