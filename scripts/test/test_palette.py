# SPDX-License-Identifier: MIT
"""Colours: every text can be read and every mark seen, on light and on dark."""

from __future__ import annotations

import re
from itertools import combinations

import pytest

import palette
from template import TEMPLATES

TEXT, MARK = 4.5, 3.0  # WCAG 2 AA: 1.4.3 and 1.4.11
SIDES = ("light", "dark")


def variables(css: str) -> dict[str, dict[str, str]]:
    """light, dark, print → name → colour, of a style sheet's :root rules."""
    found: dict[str, dict[str, str]] = {"light": {}, "dark": {}, "print": {}}
    for media, rule in re.findall(r"(?:@media ([^{]+)\{\s*)?:root \{([^}]*)\}", css):
        side = "dark" if "dark" in media else "print" if "print" in media else "light"
        found[side] |= dict(re.findall(r"--([\w-]+): *(#[0-9a-f]{3,6})\b", rule))
    return found


@pytest.fixture(scope="module")
def page() -> dict[str, dict[str, str]]:
    return variables((TEMPLATES / "report.css").read_text(encoding="utf-8"))


def test_known_contrasts() -> None:
    assert palette.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert palette.contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("side", SIDES)
def test_the_pages_colours_are_the_pictures(page: dict[str, dict[str, str]], side: str) -> None:
    for shade in palette.PAGE:
        assert page[side][shade.name] == getattr(shade, side), shade.name


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("ink", ["ink", "muted", "link", "good", "bad"])
@pytest.mark.parametrize("ground", ["card", "page"])
def test_text_of_the_page(page: dict[str, dict[str, str]], side: str, ink: str,
                          ground: str) -> None:
    assert palette.contrast(page[side][ink], page[side][ground]) >= TEXT


@pytest.mark.parametrize("side", SIDES)
def test_text_on_a_shade(page: dict[str, dict[str, str]], side: str) -> None:
    """A row of an unsafe strategy, and its tag."""
    for ink in ("ink", "bad", "muted"):
        assert palette.contrast(page[side][ink], page[side]["shade"]) >= TEXT


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("outcome", palette.OUTCOMES)
def test_text_of_a_cell(outcome: str, side: str) -> None:
    face, ink = (getattr(s, side) for s in palette.OUTCOMES[outcome])
    assert palette.contrast(face, ink) >= TEXT


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("phase", palette.PHASES)
def test_text_on_a_phase(phase: str, side: str) -> None:
    assert palette.contrast(getattr(palette.PHASES[phase], side), palette.FIGURE) >= TEXT


@pytest.mark.parametrize("side", SIDES)
def test_marks_stand_out(side: str) -> None:
    for shade in (*palette.STRATEGIES.values(), *palette.SPARE, *palette.FILES,
                  *palette.WORDS.values()):
        seen = palette.contrast(getattr(shade, side), getattr(palette.CARD, side))
        assert seen >= MARK, f"{shade.name}: {seen:.2f}"


def test_each_light_colour_is_of_one_name() -> None:
    """Replacing a colour by its variable is unambiguous."""
    lights = [s.light for s in palette.shades()]
    assert len(set(lights)) == len(lights)
    assert palette.FIGURE not in lights
    names = [s.name for s in palette.shades()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("side", SIDES)
def test_strategies_are_told_apart(side: str) -> None:
    """By colour; those that are near each other have other markers as well."""
    from plots import style

    for a, b in combinations(palette.STRATEGIES.values(), 2):
        one, other = getattr(a, side), getattr(b, side)
        apart = sum(abs(int(one[i:i + 2], 16) - int(other[i:i + 2], 16)) for i in (1, 3, 5))
        assert apart >= 40 or style.marker(a.name) != style.marker(b.name), (a.name, b.name)


def test_eleven_strategies_have_markers_of_their_own() -> None:
    from plots import style
    from runfile import STRATEGY_ORDER

    assert len(STRATEGY_ORDER) >= 11
    assert len({style.marker(s) for s in STRATEGY_ORDER}) == len(STRATEGY_ORDER)
    assert len({style.colour(s) for s in STRATEGY_ORDER}) == len(STRATEGY_ORDER)


def test_css_has_every_shade() -> None:
    found = variables(palette.css())
    for shade in palette.shades():
        if shade not in palette.PAGE:
            assert found["light"][shade.name] == found["print"][shade.name] == shade.light
            assert found["dark"][shade.name] == shade.dark
