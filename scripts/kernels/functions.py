# SPDX-License-Identifier: MIT
"""Functions of the kernel → what they are about: functions.toml, and how it is applied."""

from __future__ import annotations

import fnmatch
import re
import tomllib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from kernels.errors import USAGE, KernelsError
from kernels.stacks import USER, Path_

TABLE = Path(__file__).resolve().parent / "functions.toml"
UNKNOWN = "unknown"
#: The category of helpers that everybody calls: they are their caller's.
HELPERS = "helpers"


Rules = list[tuple[str, re.Pattern[str]]]


def _rules(table: Mapping[str, list[str]]) -> Rules:
    return [(name, re.compile("|".join(fnmatch.translate(p) for p in patterns)))
            for name, patterns in table.items()]


class Functions:
    """The reviewed table. The first row that matches counts."""

    def __init__(self, path: Path = TABLE) -> None:
        try:
            raw = tomllib.loads(path.read_text(encoding="utf-8"))
            self.phases = _rules(raw["phases"])
            self.fallback = _rules(raw["otherwise"])
            self.categories = _rules(raw["categories"])
        except (OSError, KeyError, AttributeError, tomllib.TOMLDecodeError, re.error) as err:
            raise KernelsError(f"{path}: {err}", USAGE) from err
        self._known: dict[tuple[int, str], str | None] = {}

    def _find(self, rules: Rules, name: str) -> str | None:
        key = id(rules), name
        if key not in self._known:
            self._known[key] = next((row for row, found in rules if found.match(name)), None)
        return self._known[key]

    def _outermost(self, rules: Rules, path: Path_) -> str | None:
        return next((row for row in (self._find(rules, name) for name in path[1:]) if row), None)

    def own(self, name: str) -> str | None:
        """Of the table; None: this function is not in it."""
        return self._find(self.categories, name)

    def phase(self, path: Path_) -> str:
        """Of the outermost function that begins one: a fault inside of exec is exec's."""
        if path[1:2] == (USER,):
            return "user"
        found = self._outermost(self.phases, path) or self._outermost(self.fallback, path)
        return found or ("kernel threads" if path[0] == "kernel" else "switch")

    def category(self, path: Path_) -> str:
        """Of the function that ran, or of the nearest caller that has one."""
        if path[1:2] == (USER,):
            return "user space"
        found = (self.own(name) for name in reversed(path[1:]))
        return next((c for c in found if c and c != HELPERS), UNKNOWN)


@dataclass
class Shares:
    """One case, added up. Instructions of all its spans."""

    paths: Mapping[Path_, int]
    functions: Functions
    total: int = field(init=False)

    def __post_init__(self) -> None:
        self.total = sum(self.paths.values())

    @cached_property
    def stacks(self) -> dict[Path_, int]:
        """(phase, category, function) → instructions."""
        added: dict[Path_, int] = defaultdict(int)
        for path, n in self.paths.items():
            added[self.functions.phase(path), self.functions.category(path), path[-1]] += n
        return dict(added)

    def by(self, which: int) -> dict[str, int]:
        """0: phases, 1: categories, 2: functions; the largest first."""
        added: dict[str, int] = defaultdict(int)
        for stack, n in self.stacks.items():
            added[stack[which]] += n
        return dict(sorted(added.items(), key=lambda item: (-item[1], item[0])))

    @cached_property
    def roles(self) -> dict[str, int]:
        added: dict[str, int] = defaultdict(int)
        for path, n in self.paths.items():
            added[path[0]] += n
        return dict(added)

    @cached_property
    def inclusive(self) -> dict[str, int]:
        """A function and all that it called; once, however often it stands in a path."""
        added: dict[str, int] = defaultdict(int)
        for path, n in self.paths.items():
            for name in set(path[1:]):
                added[name] += n
        return dict(added)

    @property
    def unknown(self) -> int:
        return self.by(1).get(UNKNOWN, 0)

    @cached_property
    def unlisted(self) -> dict[str, int]:
        """Functions that the table does not name and that are counted as their callers'."""
        found = {name: n for name, n in self.by(2).items() if self.functions.own(name) is None}
        users = {path[-1] for path in self.paths if path[1:2] == (USER,)}
        return {name: n for name, n in found.items() if name not in users}
