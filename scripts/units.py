# SPDX-License-Identifier: MIT
"""Numbers for people: three significant digits, always with their unit.

What run.json calls ns is time, or, under a clock that counts them, instructions: a report says
which once, around all that it writes, and no figure of it can be told in the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import floor, log10

from stats import Estimate

#: What a clock counts, as context.spawnmark.clock.kind has it.
TIME, INSTRUCTIONS = "time", "instructions"
#: Said once, in full, wherever figures of such a clock are shown.
WARNING = "instructions under QEMU -icount, no cache misses, no time"
#: What verdicts (verdicts.py) are of instructions.
COUNTED_WORDS = {"faster": "fewer", "slower": "more"}
_counted: ContextVar[str] = ContextVar("counted", default=TIME)

INSTRUCTION_UNITS = (("G instructions", 1e9), ("M instructions", 1e6), ("k instructions", 1e3),
                     ("instructions", 1.0))
TIME_UNITS = (("s", 1e9), ("ms", 1e6), ("µs", 1e3), ("ns", 1.0))
BYTE_UNITS = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3), ("B", 1.0))
NOTHING = "–"


@contextmanager
def counting(kind: str) -> Iterator[None]:
    """Everything that is told within is of a clock of this kind."""
    token = _counted.set(kind)
    try:
        yield
    finally:
        _counted.reset(token)


def instructions() -> bool:
    return _counted.get() == INSTRUCTIONS


def warning() -> str:
    """A sentence about all figures; empty where they are of time."""
    return f"All figures are {WARNING}: 1 k = 1000 instructions." if instructions() else ""


def verdict(word: str) -> str:
    """faster and slower are of times; of counts they are fewer and more."""
    return COUNTED_WORDS.get(word, word) if instructions() else word


def sooner() -> str:
    return "fewer" if instructions() else "sooner"


def micro() -> str:
    """What a thousand of the clock's units are."""
    return "k instructions" if instructions() else "µs"


def nano() -> str:
    return "instructions" if instructions() else "ns"


def cpu() -> str:
    """What children are counted per."""
    return "10⁹ instructions" if instructions() else "CPU-second"


def cpu_short() -> str:
    return "10⁹ instr" if instructions() else "CPU·s"


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
    return unit_of(ns, INSTRUCTION_UNITS if instructions() else TIME_UNITS)


def tick(ns: float) -> str:
    """Of an axis, whose label says what is counted: '100 µs', '100 k'."""
    unit, scale = time_unit(ns)
    return f"{ns / scale:g} {bare(unit)}".rstrip()


def bare(unit: str) -> str:
    """Without the word that stands elsewhere: 'k'."""
    return unit.removesuffix("instructions").rstrip()


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
    """'1.13 ms [1.05, 1.21]', or '70.1 k instructions [70.0, 70.3]'."""
    return NOTHING if ns is None else with_unit(
        ns, ci, INSTRUCTION_UNITS if instructions() else TIME_UNITS)


def cell(ns: float | None, ci: tuple[float, float] | None = None) -> str:
    """time() for a column whose head says what is counted: '70.1 k [70.0, 70.3]'."""
    return time(ns, ci).replace(" instructions", "")


def head(text: str) -> str:
    """The head of such a column: 'ready p50', 'ready p50, instructions'."""
    return f"{text}, instructions" if instructions() else text


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
