# SPDX-License-Identifier: MIT
"""What a selfcheck's comparisons prove: shares with exact bounds, claims, floors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from scipy.stats import beta

from selfcheck_plan import METRICS, PRIMARY, SIZES, Trial
from verdicts import EQUIVALENT, FASTER, INCONCLUSIVE, SLOWER

MET, NOT_MET, TOO_FEW, RECORDED = "met", "not met", "too few", "recorded"
LEVEL = 0.95
FALSE_AT_MOST, FALSE_BOUND = 0.05, 0.09
FOUND_AT_LEAST, COVERED_AT_LEAST, TURNED_AT_LEAST = 0.95, 0.90, 0.90
#: So many comparisons before a claim is judged, unless it has failed for certain.
NEEDED_AA, NEEDED_PLANTED, NEEDED_LOAD = 200, 50, 60
#: Fewer comparisons tell no floor that others should rely on.
NEEDED_FLOOR = 100
#: The claim about what is found is of this size.
CLAIMED = 0.05


@dataclass(frozen=True)
class Share:
    """k of n, and where the true share is by Clopper and Pearson, each bound with 95 %."""

    k: int
    n: int

    @property
    def value(self) -> float | None:
        return self.k / self.n if self.n else None

    @property
    def lower(self) -> float:
        return float(beta.ppf(1 - LEVEL, self.k, self.n - self.k + 1)) if self.k else 0.0

    @property
    def upper(self) -> float:
        return float(beta.ppf(LEVEL, self.k + 1, self.n - self.k)) if self.k < self.n else 1.0

    def json(self) -> dict[str, Any]:
        return {"k": self.k, "n": self.n, "share": self.value, "lower": self.lower,
                "upper": self.upper}


def share(trials: Iterable[Trial], is_one: Callable[[Trial], bool | None]) -> Share:
    """Of those for which it can be told."""
    told = [bool(said) for t in trials if (said := is_one(t)) is not None]
    return Share(sum(told), len(told))


@dataclass(frozen=True)
class Claim:
    """One promise, what was seen, and whether that keeps it."""

    text: str
    seen: str
    verdict: str


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value * 100:.1f} %"


def _told(of: Share) -> str:
    return f"{of.k} of {of.n} ({_percent(of.value)}, at most {_percent(of.upper)})"


def at_most(text: str, of: Share, limit: float, bound: float, needed: int) -> Claim:
    """Met: the share is within the limit, and its upper bound within the bound."""
    if of.value is None:
        return Claim(text, "nothing", TOO_FEW)
    good = of.value <= limit and of.upper <= bound
    if good and of.n >= needed:
        return Claim(text, _told(of), MET)
    failed = of.lower > limit or (of.n >= needed and not good)
    return Claim(text, _told(of), NOT_MET if failed else TOO_FEW)


def at_least(text: str, of: Share, limit: float, needed: int) -> Claim:
    """Met: the share reaches the limit."""
    told = f"{of.k} of {of.n} ({_percent(of.value)}, at least {_percent(of.lower)})"
    if of.value is None:
        return Claim(text, "nothing", TOO_FEW)
    if of.n >= needed:
        return Claim(text, told, MET if of.value >= limit else NOT_MET)
    return Claim(text, told, NOT_MET if of.upper < limit else TOO_FEW)


def is_false(trial: Trial) -> bool:
    """Of a machine with itself."""
    return trial.verdict.word in (FASTER, SLOWER)


def is_wrong(trial: Trial) -> bool:
    """A word that the truth contradicts; inconclusive never is."""
    return trial.verdict.word in ((FASTER, SLOWER) if trial.size == 0 else (FASTER, EQUIVALENT))


def _is_inconclusive(trial: Trial) -> bool:
    return trial.verdict.word == INCONCLUSIVE


def is_held(trial: Trial) -> bool:
    """Inconclusive because most of its blocks were disturbed."""
    return trial.verdict.noise is not None


def is_right(trial: Trial) -> bool:
    """A word that is true; inconclusive is none."""
    return trial.verdict.word != INCONCLUSIVE and not is_wrong(trial)


def _of(trials: Iterable[Trial], metric: str = PRIMARY) -> list[Trial]:
    return [t for t in trials if t.metric == metric]


def floor(trials: Sequence[Trial]) -> dict[str, float]:
    """Per metric: what 95 of 100 ratios of a machine with itself stay within, as a margin."""
    found = {}
    for metric in METRICS:
        logs = [abs(np.log(t.verdict.ratio)) for t in _of(trials, metric) if t.verdict.ratio]
        if logs:
            found[metric] = float(np.expm1(np.quantile(logs, LEVEL)))
    return found


def words(trials: Iterable[Trial]) -> dict[str, int]:
    counted = Counter(t.verdict.word for t in trials)
    return {word: counted[word] for word in (FASTER, SLOWER, EQUIVALENT, INCONCLUSIVE)}


def itself(trials: Sequence[Trial]) -> dict[str, Any]:
    """A machine compared with itself: how often that was called a difference, by metric."""
    return {"words": words(_of(trials)), "floor": floor(trials),
            "false": {m: share(_of(trials, m), is_false).json() for m in METRICS},
            "by_case": {case: share([t for t in _of(trials) if t.case == case], is_false).json()
                        for case in sorted({t.case for t in trials})}}


def planted(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """By size: what became of slow-downs that are there."""
    rows = []
    for size in SIZES:
        some = [t for t in trials if t.size == size]
        if some:
            rows.append({"size": size, "words": words(some),
                         "found": share(some, lambda t: t.verdict.word == SLOWER).json(),
                         "covered": share(some, lambda t: t.covers).json(),
                         "ratio_over_truth": float(np.median([t.verdict.ratio / t.truth
                                                              for t in some]))})
    return rows


@dataclass(frozen=True)
class Evidence:
    """All comparisons, by what they are for."""

    main: Sequence[Trial]  # payloads none and heap, with and without a delay
    python: Sequence[Trial]
    between: Sequence[Trial]
    load: Sequence[Trial] | None
    no_load: str | None  # why there is none

    @property
    def aa(self) -> list[Trial]:
        return [t for t in self.main if t.size == 0]

    @property
    def planted(self) -> list[Trial]:
        return [t for t in self.main if t.size > 0]


def claims(e: Evidence) -> list[Claim]:
    """What `make selfcheck` promises, in its order."""
    five = [t for t in e.planted if t.size == CLAIMED]
    made = [
        at_most("A/A: at most 5 % of comparisons called faster or slower, upper bound 9 %",
                share([*_of(e.aa), *_of(e.python)], is_false), FALSE_AT_MOST, FALSE_BOUND,
                NEEDED_AA),
        at_least("planted 5 %: found in at least 95 % of comparisons",
                 share(five, lambda t: t.verdict.word == SLOWER), FOUND_AT_LEAST, NEEDED_PLANTED),
        at_least("planted 2, 5, 10 %: the interval covers the truth in at least 90 %",
                 share(e.planted, lambda t: t.covers), COVERED_AT_LEAST, NEEDED_PLANTED)]
    return [*made, *_under_load(e)]


def _under_load(e: Evidence) -> list[Claim]:
    """Inconclusive, not wrong: two claims."""
    wrong = "under load: at most 5 % of verdicts wrong, upper bound 9 %"
    turned = "under load: at least 90 % inconclusive"
    if e.load is None:
        return [Claim(text, f"skipped: {e.no_load}", RECORDED) for text in (wrong, turned)]
    some = _of(e.load)
    inconclusive = at_least(turned, share(some, _is_inconclusive), TURNED_AT_LEAST, NEEDED_LOAD)
    more = f"; {sum(map(is_held, some))} for noise, {sum(map(is_right, some))} decided and right"
    return [at_most(wrong, share(some, is_wrong), FALSE_AT_MOST, FALSE_BOUND, NEEDED_LOAD),
            replace(inconclusive, seen=inconclusive.seen + more)]


def load(e: Evidence) -> dict[str, Any]:
    if e.load is None:
        return {"skipped": e.no_load}
    some = _of(e.load)
    return {"wrong": share(some, is_wrong).json(), "words": words(some),
            "inconclusive": share(some, _is_inconclusive).json(),
            "held": share(some, is_held).json(), "right": share(some, is_right).json(),
            "aa": words(t for t in some if t.size == 0),
            "planted": words(t for t in some if t.size > 0)}


def trial_json(t: Trial) -> dict[str, Any]:
    v = t.verdict
    return {"run": t.run, "case": t.case, "metric": t.metric, "size": t.size,
            "delay_ns": t.delay_ns, "truth": t.truth, "ratio": v.ratio, "low": v.low,
            "high": v.high, "pairs": v.n_new, "word": v.word, "held": is_held(t)}


def figures(e: Evidence) -> dict[str, Any]:
    """The judged part of selfcheck.json."""
    known = len(_of(e.aa)) >= NEEDED_FLOOR
    return {"floor": floor(e.aa) if known else {}, "aa": itself(e.aa), "python": itself(e.python),
            "between": itself(e.between), "injected": planted(e.planted), "load": load(e),
            "held": share([*_of(e.main), *_of(e.python)], is_held).json(),
            "claims": [asdict(c) for c in claims(e)],
            "comparisons": {"aa": [trial_json(t) for t in _of(e.aa)],
                            "python": [trial_json(t) for t in _of(e.python)],
                            "injected": [trial_json(t) for t in e.planted],
                            "load": [trial_json(t) for t in _of(e.load or [])]}}


def exit_code(made: Sequence[Claim]) -> int:
    """1: a claim is not met; 4: one cannot be told from so few."""
    if any(c.verdict == NOT_MET for c in made):
        return 1
    return 4 if any(c.verdict == TOO_FEW for c in made) else 0
