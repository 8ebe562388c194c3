# SPDX-License-Identifier: MIT
"""Numbers for people: three significant digits, always with their unit."""

from __future__ import annotations

from math import floor, log10

from stats import Estimate

TIME_UNITS = (("s", 1e9), ("ms", 1e6), ("µs", 1e3), ("ns", 1.0))
BYTE_UNITS = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("B", 1.0))
NOTHING = "–"


def digits(value: float, significant: int = 3) -> str:
    """1.13, 11.3, 113, 1130: never an exponent, never more digits than are known."""
    if value == 0:
        return "0"
    size = floor(log10(abs(value)))
    rounded = round(value, significant - 1 - size)
    size = floor(log10(abs(rounded))) if rounded else size
    return f"{rounded:.{max(0, significant - 1 - size)}f}"


def unit_of(value: float, units: tuple[tuple[str, float], ...]) -> tuple[str, float]:
    """The largest unit in which value is at least 1."""
    for name, scale in units:
        if abs(value) >= scale * 0.9995:
            return name, scale
    return units[-1]


def time_unit(ns: float) -> tuple[str, float]:
    return unit_of(ns, TIME_UNITS)


def bounds(text: str, ci: tuple[float, float] | None, scale: float) -> str:
    """' [1.05, 1.21]' with as many decimals as the value's text has."""
    if ci is None:
        return ""
    decimals = len(text.partition(".")[2])
    return f" [{ci[0] / scale:.{decimals}f}, {ci[1] / scale:.{decimals}f}]"


def in_unit(value: float, ci: tuple[float, float] | None, scale: float) -> str:
    """'1.13 [1.05, 1.21]' in a unit that stands elsewhere."""
    text = digits(value / scale)
    return text + bounds(text, ci, scale)


def with_unit(value: float, ci: tuple[float, float] | None,
              units: tuple[tuple[str, float], ...]) -> str:
    """'1.13 ms [1.05, 1.21]': one unit for the value and its interval."""
    name, scale = unit_of(value, units)
    text = digits(value / scale)
    return f"{text} {name}{bounds(text, ci, scale)}"


def time(ns: float | None, ci: tuple[float, float] | None = None) -> str:
    return NOTHING if ns is None else with_unit(ns, ci, TIME_UNITS)


def size(n_bytes: float | None) -> str:
    return NOTHING if n_bytes is None else with_unit(n_bytes, None, BYTE_UNITS)


def number(value: float | None, ci: tuple[float, float] | None = None) -> str:
    return NOTHING if value is None else in_unit(value, ci, 1.0)


def times(est: Estimate | None) -> str:
    """'365 × [350, 380]'."""
    if est is None:
        return NOTHING
    text = digits(est.value)
    return f"{text} ×{bounds(text, est.ci, 1.0)}"


def share(part: tuple[int, int] | None) -> str:
    """'9 of 20'."""
    return NOTHING if part is None else f"{part[0]} of {part[1]}"
