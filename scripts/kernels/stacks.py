# SPDX-License-Identifier: MIT
"""What plugin.c wrote: instructions per call path, and the names of its addresses."""

from __future__ import annotations

import bisect
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kernels.errors import FAILED, KernelsError

#: In the order of enum role in plugin.c.
ROLES = ("parent", "child", "server", "kernel")
KERNEL_HALF = 1 << 63
USER, ELSEWHERE = "[user]", "[vdso or another program]"
#: What a compiler makes of one function: parts of it, copies of it.
SUFFIX = re.compile(r"\.(?:cold|part|isra|constprop|llvm)(?:\.\d+)*")
#: Instead of an indirect jump or a return: nobody's work.
THUNK = re.compile(r"__x86_(?:indirect_(?:call|jump)?_?thunk|return_thunk).*|(?:srso|retbleed)_\w*thunk"
                   r"|__indirect_thunk_start|__(?:SCT|pfx)__.*|its_(?:return_)?thunk.*")
#: A name of the same address that says less, or nothing to this architecture.
LESSER = re.compile(r"__(?:ia32|pfx)_|__cfi_|.*_end$")

Path_ = tuple[str, ...]


@dataclass
class Segment:
    """One case: as many spans as were played, and where their instructions went, together."""

    spans: list[int] = field(default_factory=list)
    nodes: dict[int, tuple[int, int]] = field(default_factory=dict)
    counts: list[tuple[int, int, int]] = field(default_factory=list)
    lost: int = 0
    repeats: int = 0  # of string instructions, their second time and later: they count, too


def read(lines: Iterable[str]) -> list[Segment]:
    """KernelsError: it is cut, or not of this plugin."""
    done, now = [], None
    for number, line in enumerate(lines, 1):
        try:
            word, *rest = line.split()
            if word == "segment":
                now = Segment()
            elif now is None:
                raise ValueError("before any segment")
            elif word == "span":
                now.spans.append(int(rest[0]))
            elif word == "node":
                now.nodes[int(rest[0])] = int(rest[1]), int(rest[2], 16)
            elif word == "count":
                now.counts.append((int(rest[0]), int(rest[1], 16), int(rest[2])))
            elif word == "repeats":
                now.repeats = int(rest[0])
            elif word == "end":
                now.lost = int(rest[0])
                done.append(now)
                now = None
            else:
                raise ValueError(f"no word '{word}'")
        except (ValueError, IndexError) as err:
            raise KernelsError(f"profile: line {number} of the plugin's output: {err}",
                               FAILED) from err
    if now is not None:
        raise KernelsError("profile: the plugin's output is cut", FAILED)
    return done


def _plain(name: str) -> str:
    return SUFFIX.sub("", name)


class Symbols:
    """Which function an address is in. Lines as nm(1) and /proc/kallsyms write them."""

    def __init__(self, lines: Iterable[str], low: int = 0, high: int = 1 << 64) -> None:
        best: dict[int, tuple[tuple[bool, bool, int, str], str]] = {}
        for line in lines:
            parts = line.split()
            if len(parts) != 3 or parts[1] not in "tTwWiV":  # modules have a fourth word
                continue
            at = int(parts[0], 16)
            if low <= at < high:
                name = parts[2]
                key = bool(LESSER.match(name)), parts[1] not in "TW", len(name), name
                if at not in best or key < best[at][0]:
                    best[at] = key, name
        self.starts = sorted(best)
        self.names = [best[at][1] for at in self.starts]
        self.at = {name: at for at, name in zip(reversed(self.starts), reversed(self.names))}

    def __len__(self) -> int:
        return len(self.starts)

    def name(self, at: int) -> str | None:
        i = bisect.bisect_right(self.starts, at) - 1
        return _plain(self.names[i]) if i >= 0 else None

    def after(self, at: int) -> int:
        """Where the next one begins."""
        i = bisect.bisect_right(self.starts, at)
        return self.starts[i] if i < len(self.starts) else at + 4096

    def matching(self, pattern: re.Pattern[str]) -> Iterator[int]:
        return (at for at, name in zip(self.starts, self.names) if pattern.fullmatch(name))


class Namer:
    """Addresses to paths: the role first, then functions from the outermost to the one that ran."""

    def __init__(self, kernel: Symbols, program: Symbols, program_end: int) -> None:
        self.kernel, self.program, self.program_end = kernel, program, program_end

    def function(self, at: int) -> str:
        if at >= KERNEL_HALF:
            return self.kernel.name(at) or "[kernel]"
        first = self.program.starts[0] if len(self.program) else 0
        return (self.program.name(at) or USER) if first <= at < self.program_end else ELSEWHERE

    def paths(self, segment: Segment) -> Mapping[Path_, int]:
        known: dict[int, Path_] = {i: (role,) for i, role in enumerate(ROLES)}

        def path(node: int) -> Path_:
            if node not in known:
                parent, at = segment.nodes[node]
                known[node] = _add(path(parent), self.function(at))
            return known[node]

        found: dict[Path_, int] = defaultdict(int)
        for node, at, n in segment.counts:
            base = path(node)
            if at < KERNEL_HALF:
                base = (*base[:1], USER)
            found[_add(base, self.function(at))] += n
        return found


def _add(path: Path_, name: str) -> Path_:
    return path if THUNK.fullmatch(name) or path[-1] == name else (*path, name)


def load(path: Path) -> list[Segment]:
    with open(path, encoding="ascii") as file:
        return read(file)
