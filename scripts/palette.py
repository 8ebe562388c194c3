# SPDX-License-Identifier: MIT
"""Every colour of pictures and pages, light and dark: one row each.

A picture is drawn in the light ones; where it is set into a page, each becomes a variable of the
page's style, which follows prefers-color-scheme. All differ, so that replacing is unambiguous.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shade:
    """name: of the page's variable, without its dashes."""

    name: str
    light: str
    dark: str


#: The page's own, which report.css gives their values.
INK = Shade("ink", "#1b1f24", "#e6e8eb")
MUTED = Shade("muted", "#5b6572", "#9da7b3")
RULE = Shade("rule", "#e2e5e9", "#343a42")
CARD = Shade("card", "#ffffff", "#181c20")
PAGE = (INK, MUTED, RULE, CARD)

#: After Okabe and Ito's palette, and dark ones between: told apart with every common kind of colour
#: blindness, together with their markers. Execs are blue, controls red, servers yellow to green.
#: Each stands out from the card by 3 : 1 at least.
STRATEGIES = {s.name: s for s in (
    Shade("popen", "#0072b2", "#3f9fe0"), Shade("vfork", "#2f97d3", "#8fd0f5"),
    Shade("posix_spawn", "#332288", "#8d80e8"), Shade("shell", "#71819a", "#8b9cb6"),
    Shade("fork", "#d55e00", "#ff7a1a"), Shade("recycle", "#882255", "#d4568f"),
    Shade("forkserver", "#c07f00", "#f0b030"), Shade("zygote", "#009e73", "#16c492"),
    Shade("zygote3", "#0b4f3a", "#4b9a80"), Shade("subreaper", "#9a8800", "#cdb91c"),
    Shade("pool", "#c2609a", "#e79cc6"), Shade("raw", "#858a93", "#9a9fa8"),
    Shade("noop", "#8f949c", "#7d828a"))}
SPARE = (Shade("spare-1", "#7b4ea3", "#b48ad9"), Shade("spare-2", "#8c5a2b", "#c98f5b"),
         Shade("spare-3", "#505050", "#a8a8a8"), Shade("spare-4", "#14807f", "#3fc1c0"))

#: Of no strategy, and pale enough for a figure in FIGURE on them.
PHASES = {s.name: s for s in (
    Shade("birth", "#8fa3bf", "#8fa3c0"), Shade("load", "#dccdf2", "#dccdf3"),
    Shade("work", "#a488d6", "#a488d7"), Shade("exit", "#c9ccd1", "#c9ccd2"))}
FIGURE = "#1b1f25"  # not the ink: it stays dark

#: Face and text of a cell.
OUTCOMES = {
    "leaked": (Shade("leaked", "#b84a00", "#b84a01"), Shade("on-leaked", "#fefefe", "#fefeff")),
    "blocked": (Shade("blocked", "#9ccbe8", "#1f4a66"),
                Shade("on-blocked", "#14181c", "#d9eefb")),
    "absent": (Shade("absent", "#eef0f2", "#23282e"), Shade("on-absent", "#4b5563", "#aeb7c2")),
    "n/a": (Shade("na", "#fafafa", "#1b1f22"), Shade("on-na", "#6c727c", "#949ba5"))}

#: Verdicts; their words stand beside them.
WORDS = {"faster": Shade("faster", "#00734e", "#45c79b"),
         "slower": Shade("slower", "#b34701", "#ff9a5d"),
         "equivalent": Shade("equivalent", "#4a7db4", "#7fb0e1"),
         "inconclusive": Shade("inconclusive", "#878b92", "#868c94")}

#: Of several files side by side, in their order; machines are no strategies.
FILES = (Shade("file-1", "#0a6fb0", "#459fdd"), Shade("file-2", "#d05a06", "#fb7d22"),
         Shade("file-3", "#07936c", "#1ac08f"), Shade("file-4", "#7d50a8", "#b68cdb"),
         Shade("file-5", "#b9508c", "#e59ac3"), Shade("file-6", "#7f6a10", "#cbb722"),
         Shade("file-7", "#3b4650", "#a4afba"), Shade("file-8", "#2492cc", "#8ccef2"))


def shades() -> list[Shade]:
    """Every one that a picture may use."""
    cells = [s for pair in OUTCOMES.values() for s in pair]
    return [*PAGE, *STRATEGIES.values(), *SPARE, *PHASES.values(), *cells,
            *WORDS.values(), *FILES]


def css() -> str:
    """The variables that report.css does not have: light, dark, and light again on paper."""
    own = [s for s in shades() if s not in PAGE]
    light = " ".join(f"--{s.name}: {s.light};" for s in own)
    dark = " ".join(f"--{s.name}: {s.dark};" for s in own)
    return (f":root {{ {light} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"
            f"@media print {{ :root {{ {light} }} }}\n")


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2 defines it."""
    parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4
                        for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """1 to 21."""
    dim, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dim + 0.05)
