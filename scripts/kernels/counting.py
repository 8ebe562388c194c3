# SPDX-License-Identifier: MIT
"""What a test program, or the conformance suite, came to: counts, failures, reasons of skipping."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

_TOTAL = re.compile(r"^\[=+\] Running (\d+) test", re.M)
_LINE = re.compile(r"^\[ *(RUN|OK|FAILED|SKIPPED) *\] (.+)$")
#: A cell that does not apply is no test.
GOOD, SKIP, NO_TEST = ("PASS", "XFAIL"), "SKIP", "NA"


@dataclass
class Count:
    """Of one program."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failures: list[str] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)

    def __iadd__(self, other: Count) -> Count:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.failures += other.failures
        self.reasons += other.reasons
        return self

    def fail(self, what: str, n: int = 1) -> None:
        self.failed += n
        self.failures.append(what)


def cmocka(log: str) -> Count:
    """What was announced and did not end well, a crash in the middle say, has failed."""
    count, said, running = Count(), [], ""
    for line in log.splitlines():
        found = _LINE.match(line)
        if not found:
            said.append(line.strip())
            continue
        what, name = found.groups()
        if what == "RUN":
            said, running = [], name
        elif what == "OK":
            count.passed += 1
        elif what == "SKIPPED" and name == running:  # once more, at the end
            count.skipped += 1
            count.reasons[" ".join(said).strip() or "no reason given"] += 1
        elif what == "FAILED" and name == running:
            count.fail(f"{name}: {' '.join(said).strip()}")
        if what != "RUN":
            running = ""
    total = sum(map(int, _TOTAL.findall(log)))
    lost = total - count.passed - count.failed - count.skipped
    if lost or not total:
        count.fail(f"{running or 'the program'} did not end", max(lost, 1))
    return count


def conformance(path: Path) -> Count:
    """Every cell that was asked is a test."""
    count = Count()
    told = json.loads(path.read_text(encoding="utf-8"))
    for cell in told["conformance"]:
        verdict, reason = cell["verdict"], cell["reason"] or ""
        if verdict in GOOD:
            count.passed += 1
        elif verdict == SKIP:
            count.skipped += 1
            count.reasons[reason or cell["feature"] or "no reason given"] += 1
        elif verdict != NO_TEST:
            count.fail(f"{verdict} {cell['check']} of {cell['strategy']}: "
                       f"{cell['evidence']} {reason}".strip())
    if told["incomplete"]:
        count.fail("not every cell was reached")
    return count
