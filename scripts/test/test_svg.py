# SPDX-License-Identifier: MIT
"""A drawing set into a page: what it says and shows is what was drawn."""

from __future__ import annotations

import html
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

import make_selfcheck
import palette
import svg
from plots import PLOTS
from report import draw_all
from runfile import Run

SPACE = "{http://www.w3.org/2000/svg}"
#: Colours that are the same in light and dark: figures on bars, two faces of a scale.
FIXED = {palette.FIGURE, "#f7dcc4", "#eaa877"}


@pytest.fixture(scope="module")
def drawings(everything_once: dict, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every picture's file, by name."""
    folder = tmp_path_factory.mktemp("results") / "run"
    run = Run(everything_once, folder)
    make_selfcheck.write_beside(folder, run.mark["fingerprint"])
    drawn = draw_all(run, folder)
    return {name: (folder / f"{name}.svg").read_text(encoding="utf-8") for name in drawn}


def texts_of(element: str) -> list[str]:
    return [t.text or "" for t in ElementTree.fromstring(element).iter(f"{SPACE}text")]


def drawn_texts(file: str) -> list[str]:
    """matplotlib says each text in a comment before its outlines."""
    found = re.findall(r"<!-- (.*?) -->", file, re.S)
    return [html.unescape(t) for t in found if t.strip()]


@pytest.mark.parametrize("name", [p.name for p in PLOTS])
def test_says_what_was_drawn(drawings: dict[str, str], name: str) -> None:
    """Every text, and every digit of it."""
    element = svg.element(drawings[name], name, "what is seen")
    wanted = drawn_texts(drawings[name])
    assert len(wanted) > 5
    assert texts_of(element) == wanted


@pytest.mark.parametrize("name", [p.name for p in PLOTS])
def test_follows_light_and_dark(drawings: dict[str, str], name: str) -> None:
    """No colour is left that stays as it is, but those that are meant to."""
    element = svg.element(drawings[name], name, "what is seen")
    left = set(re.findall(r"#[0-9a-f]{6}\b(?=[;\"])", element))
    assert left <= FIXED


@pytest.mark.parametrize("name", [p.name for p in PLOTS])
def test_is_whole(drawings: dict[str, str], name: str) -> None:
    """Well-formed; every reference leads to an id that is there once, and has the picture's name."""
    element = str(svg.element(drawings[name], name, 'a "quoted" <alternative>'))
    root = ElementTree.fromstring(element)
    assert root.get("aria-label") == 'a "quoted" <alternative>'
    assert "<!--" not in element and "width=" not in element.partition(">")[0]
    ids = [e.get("id") for e in root.iter() if e.get("id")]
    assert len(set(ids)) == len(ids)
    assert all(i and i.startswith(f"{name}-") for i in ids)
    references = set(re.findall(r'(?:xlink:href="|url\()#([^")]+)', element))
    assert references <= set(ids)


@pytest.mark.parametrize("name", [p.name for p in PLOTS])
def test_weighs_little(drawings: dict[str, str], name: str) -> None:
    assert len(svg.element(drawings[name], name, "")) < 0.6 * len(drawings[name])


def test_text_is_as_wide_as_it_was_drawn(tmp_path: Path) -> None:
    """By its textLength, and by where matplotlib says that it ends."""
    from plots import style

    fig, axes = style.figure(1, 1, (6, 3))
    said = axes[0][0].text(0.1, 0.5, "latency 1.37 ms [1.35, 1.47]", fontsize=14)
    fig.set_dpi(72)
    fig.draw_without_rendering()
    wide = said.get_window_extent().width
    style.write(fig, tmp_path / "x")
    element = svg.element((tmp_path / "x.svg").read_text(encoding="utf-8"), "x", "")
    found = re.search(r'textLength="([0-9.]+)"[^>]*>latency 1.37 ms \[1.35, 1.47\]<', element)
    assert found and float(found[1]) == pytest.approx(wide, rel=0.04)


def test_a_digit_is_never_cut() -> None:
    """Coordinates are rounded, what is said is not."""
    text = ('<svg width="1pt" viewBox="0 0 1 1"><!-- 0.00732 × --><g style="fill: #1b1f24" '
            'transform="translate(1.23456 2.5) scale(0.07 -0.07)"><use '
            'xlink:href="#DejaVuSans-13"/><use xlink:href="#DejaVuSans-d7" '
            'transform="translate(63.6 0)"/></g><path d="M 1.23456 -0.001"/></svg>')
    element = svg.element(text, "n", "0.00732")
    assert ">0.00732 ×<" in element and "translate(1.23 2.5)" in element
    assert 'd="M 1.23 0"' in element and "var(--ink)" in element
