# SPDX-License-Identifier: MIT
"""--fail-on 'METRIC:p50>N%[/REGEX]': what is a regression, and whether there is one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from compared import Compared
from runfile import METRICS, RunError

JUDGED = (*METRICS, "cpu", "throughput")
FORM = "METRIC:p50>N% or METRIC:p50>N%/REGEX"
RULE = re.compile(r"(?P<metric>[^:]+):(?P<what>[^>]+)>\s*(?P<bound>[0-9]+(?:\.[0-9]+)?)\s*%"
                  r"\s*(?:/(?P<name>.+))?")


class Found(Enum):
    """What a bound finds in one cell."""

    GOOD = "no"  # a loss beyond the bound is excluded
    BAD = "yes"
    UNKNOWN = "cannot tell"


@dataclass(frozen=True)
class Rule:
    """One --fail-on as it was given, understood."""

    text: str
    metric: str
    bound: float  # 0.05
    name: re.Pattern[str] | None

    def asks(self, cell: Compared, primary_cases: set[str], everywhere: bool) -> bool:
        """Without a REGEX it asks the primary cases; everywhere: none of them has the metric."""
        if cell.metric.partition(" ")[0] != self.metric or not cell.judged:
            return False
        if self.name:
            return self.name.search(cell.case) is not None
        return everywhere or cell.case in primary_cases


def _refused(text: str, why: str) -> RunError:
    return RunError(f"--fail-on '{text}': {why}; expected {FORM}, e.g. 'ready:p50>5%'")


def parse(text: str) -> Rule:
    """RunError in one line, which says what is wrong."""
    match = RULE.fullmatch(text.strip())
    if not match:
        raise _refused(text, "not understood")
    metric = match["metric"].strip()
    if metric not in JUDGED:
        raise _refused(text, f"no metric '{metric}', there are {', '.join(JUDGED)}")
    if match["what"].strip() != "p50":
        raise _refused(text, f"'{match['what'].strip()}' has no blocks to judge by, only p50 has")
    try:
        name = re.compile(match["name"]) if match["name"] else None
    except re.error as err:
        raise _refused(text, f"bad REGEX: {err}") from err
    return Rule(text, metric, float(match["bound"]) / 100, name)


def asked(rule: Rule, cells: list[Compared]) -> list[int]:
    """Places of the cells that a rule is about. RunError when there is none."""
    primary = {c.case for c in cells if c.primary}
    everywhere = not any(rule.asks(c, primary, False) for c in cells)
    found = [i for i, c in enumerate(cells) if rule.asks(c, primary, everywhere)]
    if not found:
        where = f" in a case that matches /{rule.name.pattern}" if rule.name else ""
        raise RunError(f"--fail-on '{rule.text}': the runs have no {rule.metric}{where} in common")
    return found


def find(cell: Compared, bound: float) -> Found:
    """Whether the cell has lost more than bound: not if its whole interval lies below."""
    ratio, low, high = cell.loss
    if ratio is None or low is None or high is None or cell.verdict.noise:
        return Found.UNKNOWN
    if cell.verdict.differs and ratio > 1 + bound:
        return Found.BAD
    return Found.GOOD if high <= 1 + bound else Found.UNKNOWN
