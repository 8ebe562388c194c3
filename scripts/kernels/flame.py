# SPDX-License-Identifier: MIT
"""Flame graphs: stacks as boxes, as wide as what ran in them; and folded stacks for other tools.

A folded line is "outermost;…;innermost COUNT": what FlameGraph, speedscope and inferno read. The
picture has no script: a pointer on a box shows its title.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape

WIDTH, ROW, SIDE, TOP, BOTTOM = 1200.0, 18, 10, 54, 26
LETTER = 6.6  # of 11 px monospace, a little more
NARROWEST = 0.5
INK, MUTED, PAPER = "#1b1f24", "#5b6572", "#ffffff"
#: Pale, so that ink can be read on them; a name has the same one in every picture.
FACES = ("#f2c9a1", "#a9d3ee", "#b6e0cd", "#dccdf2", "#f0b9b0", "#dfe3a0", "#c4ccd8", "#f3b8d4",
         "#cbe3a6", "#e6cfae", "#a7dcdc", "#d2c4b8")

Stack = tuple[str, ...]


def folded(stacks: Mapping[Stack, int]) -> str:
    """One line a stack, sorted."""
    lines = (";".join(part.replace(";", ",").replace("\n", " ") for part in stack) + f" {n}"
             for stack, n in sorted(stacks.items()) if n > 0)
    return "".join(f"{line}\n" for line in lines)


@dataclass
class Box:
    """A name on a stack, and what stands on it."""

    name: str
    total: int = 0
    above: dict[str, Box] = field(default_factory=dict)

    def add(self, stack: Stack, n: int) -> None:
        box = self
        box.total += n
        for name in stack:
            box = box.above.setdefault(name, Box(name))
            box.total += n

    def height(self, scale: float) -> int:
        return 1 + max((b.height(scale) for b in self.above.values() if b.total * scale >= NARROWEST),
                       default=0)


def _shapes(box: Box, x: float, level: int, scale: float, whole: int, floor: float) -> Iterator[str]:
    width = box.total * scale
    if width < NARROWEST:
        return
    y = floor - (level + 1) * ROW
    name = escape(box.name)
    ran = f"{box.total:,}".replace(",", " ")
    title = f"{name}: {ran} instructions, {box.total / whole:.1%}"
    face = FACES[zlib.crc32(box.name.encode()) % len(FACES)]
    letters = int((width - 6) / LETTER)
    text = box.name if len(box.name) <= letters else box.name[:letters - 1] + "…"
    label = f'<text x="{x + 3:.1f}" y="{y + 12.5:.1f}">{escape(text)}</text>' if letters > 2 else ""
    yield (f'<g><title>{title}</title><rect x="{x:.1f}" y="{y:.1f}" width="{max(width - 0.6, 0.4):.1f}" '
           f'height="{ROW - 1}" rx="1.5" fill="{face}"/>{label}</g>')
    for child in sorted(box.above.values(), key=lambda b: (-b.total, b.name)):
        yield from _shapes(child, x, level + 1, scale, whole, floor)
        x += child.total * scale


def svg(stacks: Mapping[Stack, int], title: str, note: str) -> str:
    """The picture. Stacks grow upwards; the widest come first."""
    root = Box("all")
    for stack, n in stacks.items():
        root.add(stack, n)
    whole = max(root.total, 1)
    scale = (WIDTH - 2 * SIDE) / whole
    rows = root.height(scale)
    floor = TOP + rows * ROW
    height = floor + BOTTOM
    shapes = "\n".join(_shapes(root, SIDE, 0, scale, whole, floor))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:.0f} {height}" '
            f'width="{WIDTH:.0f}" height="{height}" role="img" aria-label="{escape(title)}" '
            f'font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="11" fill="{INK}">\n'
            f'<title>{escape(title)}</title>\n'
            f'<rect width="100%" height="100%" fill="{PAPER}"/>\n'
            f'<text x="{SIDE}" y="20" font-size="15" font-weight="bold">{escape(title)}</text>\n'
            f'<text x="{SIDE}" y="38" fill="{MUTED}">{escape(note)}</text>\n{shapes}\n</svg>\n')
