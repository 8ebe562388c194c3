# SPDX-License-Identifier: MIT
"""A drawing as an element of a page: its colours the page's, its ids its own, its texts texts.

matplotlib draws letters as outlines, so that a file looks the same everywhere. A page sets them as
text again, as wide as they were drawn: a tenth of the bytes, and they can be searched and copied.
"""

from __future__ import annotations

import re
from functools import cache

from markupsafe import Markup

import palette

VARIABLES = {s.light: f"var(--{s.name})" for s in palette.shades()}
COLOUR = re.compile(r"#[0-9a-f]{6}\b")
TAG = re.compile(r"<[^>]+>")
#: More decimals than a screen has pixels; of a tag, never of what it says.
NUMBER = re.compile(r"-?\d+\.\d{3,}")
TEXT = re.compile(r'<!-- ((?:(?!-->)[^$])*?) --><g (?:style="([^"]*)" )?transform="([^"]*?) '
                  r'scale\(([0-9.]+) -[0-9.]+\)">((?:</?(?:defs|use|path)[^>]*>)+)</g>')
LAST = re.compile(r'<use xlink:href="#(DejaVuSans(?:-Bold)?)-[0-9a-f]+"'
                  r'(?: transform="translate\(([0-9.]+) [0-9.-]+\)")?/>$')


def element(text: str, name: str, alt: str) -> Markup:
    """The drawing with its text alternative."""
    svg = text[text.index("<svg"):]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r"\s*\n\s*", " ", svg).replace("> <", "><")
    svg = TEXT.sub(_text, svg)
    svg = re.sub(r"<!--.*?-->|<defs/>|<defs></defs>", "", svg)
    svg = re.sub(r'<g id="(?:text|patch|line2d|[xy]tick|PathCollection|LineCollection)_\d+">',
                 "<g>", svg)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(xlink:href="|url\()#', rf"\1#{name}-", svg)
    svg = TAG.sub(lambda m: NUMBER.sub(_short, m[0]), svg)
    svg = COLOUR.sub(lambda m: VARIABLES.get(m[0], m[0]), svg)
    head, _, rest = svg.partition(">")
    head = re.sub(r'\s(width|height)="[^"]*"', "", head)
    label = Markup.escape(alt)
    return Markup(f'{head} role="img" aria-label="{label}"><title>{label}</title>{rest}')


def _short(match: re.Match[str]) -> str:
    text = f"{float(match[0]):.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


@cache
def _advance(font: str, letter: str) -> float:
    """Width of a letter in hundredths of the font's size."""
    from matplotlib import font_manager, ft2font  # not for pages without pictures

    weight = "bold" if font.endswith("Bold") else "normal"
    face = font_manager.get_font(font_manager.findfont(
        font_manager.FontProperties(family="DejaVu Sans", weight=weight)))
    face.set_size(100, 72)
    glyph = face.load_char(ord(letter), flags=ft2font.LoadFlags.NO_HINTING)  # as the outlines are
    return float(glyph.linearHoriAdvance) / 65536


def _text(match: re.Match[str]) -> str:
    """One text of the drawing; what does not look like one stays as it is."""
    said, style, place, scale, uses = match.groups()
    last = LAST.search(uses.strip())
    if last is None or not said.strip():
        return match[0]
    font = last[1]
    letter = str(Markup(said).unescape())[-1]
    size = float(scale) * 100
    width = (float(last[2] or 0) + _advance(font, letter)) * float(scale)
    bold = ' font-weight="bold"' if font.endswith("Bold") else ""
    look = f' style="{style}"' if style else ""
    return (f'<text transform="{place}" font-size="{size:g}" textLength="{width:.1f}" '
            f'lengthAdjust="spacingAndGlyphs"{bold}{look}>{said}</text>')
