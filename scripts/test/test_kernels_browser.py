# SPDX-License-Identifier: MIT
"""The page of several kernels in a real browser: nothing too wide, readable, pictures painted."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from browser import BROWSER, MISSING, SCHEMES, WIDTHS, look
from test_browser import CONTRAST, PICTURES, TEXT, unfolded

import make_kernels
import nway
import runfile
from make_kernels import kernels, put
from plots.several import COUNTED
from several import Several

pytestmark = pytest.mark.skipif(BROWSER is None, reason=MISSING)


@pytest.fixture(scope="module")
def made(golden_once: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
         ) -> tuple[str, int]:
    """Four kernels, which differ in checks and features, and a run of time; its pictures."""
    place = tmp_path_factory.mktemp("kernels")
    raws = [kernels(golden_once),
            kernels(golden_once, kernel="6.12.43+deb12-amd64", factor=0.8),
            kernels(golden_once, kernel="6.12.43+deb12-rt-amd64", factor=1.1,
                    built="#1 SMP PREEMPT_RT"),
            kernels(golden_once, "qemu-arm64", "6.12.43+deb12-arm64", 1.3, "aarch64")]
    folders = []
    for i, raw in enumerate(raws):
        checks = make_kernels.conformance(raw)
        for f in checks["features"]:
            if i == 0 and f["name"] != "clone3":
                f.update(presence="missing", errno="ENOSYS")
        checks["conformance"][5].update(observed="holds" if i else "fails")
        folders.append(put(raw, place / f"k{i}", checks))
    folders.append(put(copy.deepcopy(golden_once), place / "timed"))
    several = Several([runfile.load(f) for f in folders])
    drawn = nway.draw_all(several, place / "plots")
    return nway.render(several, place / "plots", drawn), len(drawn)


def test_widths(made: tuple[str, int], tmp_path: Path) -> None:
    text, pictures = made
    asked = [(t, w) for t in (text, unfolded(text)) for w in WIDTHS]
    seen, console = look(asked, tmp_path, PICTURES)
    assert console == [] and [s["asked"] for s in seen] == [w for _, w in asked]
    assert pictures > len(COUNTED)
    for s in seen:
        assert s["height"] > 2000 and s["doubled"] == 0
        assert s["scroll"] <= s["inner"], f"{s['scroll']} px wide in a window of {s['asked']}"
        assert len(s["boxes"]) == pictures and s["alone"] and s["end"] == "conformance"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_contrast(made: tuple[str, int], scheme: str, tmp_path: Path) -> None:
    (seen,), _ = look([(unfolded(made[0]), 1000)], tmp_path, CONTRAST, scheme)
    assert seen["worst"]["n"] > 200
    ratio, where = seen["worst"]["least"]
    assert ratio >= TEXT, f"{ratio:.2f}: {where}"
