# SPDX-License-Identifier: MIT
"""A promise of this project against what a run has measured: how it is judged and shown."""

from __future__ import annotations

from dataclasses import dataclass

import units
from stats import Estimate

MET, NOT_MET, OPEN = "met", "not met", "open"
MET_CROSSES, NOT_CROSSES = "met (interval crosses)", "not met (interval crosses)"
TOO_FEW, NOT_MEASURED, RECORDED = "too few blocks", "not measured", "recorded"
INFINITE = float("inf")


@dataclass(frozen=True)
class Claim:
    """One promise and what became of it."""

    text: str
    bound: str
    value: str  # with its unit
    interval: str
    n: str
    verdict: str
    needs: str  # what would have to be measured

    @property
    def shown(self) -> str:
        """'400 × [400, 400] n=12'."""
        return " ".join(x for x in (self.value, self.interval, self.n and f"n={self.n}") if x)

    @property
    def holds(self) -> str:
        """In plain words, for a table."""
        return {MET: "yes", NOT_MET: "no", OPEN: "cannot be told",
                MET_CROSSES: "yes, but the interval crosses the bound",
                NOT_CROSSES: "no, but the interval crosses the bound",
                RECORDED: "no bound"}.get(self.verdict, self.verdict)


@dataclass(frozen=True)
class Found:
    """What a claim is about, as it is shown, and its verdict."""

    value: str
    verdict: str
    interval: str = ""
    n: str = ""


def claim(text: str, bound: str, needs: str, found: Found | None) -> Claim:
    found = found or Found(units.NOTHING, NOT_MEASURED)
    return Claim(text, bound, found.value, found.interval, found.n, found.verdict, needs)


def judge(est: Estimate, low: float, high: float, on_value: bool = True) -> str:
    """Whether est lies in [low, high]; on_value: its value decides where the interval does not."""
    if est.ci is None:
        return TOO_FEW
    met = low <= est.value <= high
    if low <= est.low and est.high <= high:
        return MET
    if est.high < low or est.low > high:
        return NOT_MET
    if not on_value:
        return OPEN
    return MET_CROSSES if met else NOT_CROSSES


def told(text: str, verdict: str, n: str = "") -> Found:
    """text: a value with its interval behind it, as units makes them."""
    value, bracket, rest = text.partition(" [")
    return Found(value, verdict, bracket.strip() + rest if bracket else "", n)


def in_times(est: Estimate, verdict: str) -> Found:
    return told(units.times(est), verdict, str(est.n))


def in_time(est: Estimate, verdict: str) -> Found:
    return told(units.time(est.value, est.ci), verdict, str(est.n))
