# SPDX-License-Identifier: MIT
"""Which strategy for which wish: predictions from a run's cost model, and what they rest on.

  ready   the fit at the image that is cloned; + the import where every child is exec'd; + fork
          handlers where the strategy runs them on the way; + the sandbox's own price
  p99     the fit × (p99 ÷ p50) as measured in all model cases of that strategy together; what the
          payload adds has no known tail and is added as it is
  CPU     the fit of CPU per child at the same image, + import, handlers, work
  memory  what the memory scenario of the same runs has measured, else its bound
  idle    of children made ahead: their PSS while they wait, else what a child has for itself alone

Under a strategy that makes children ahead, CPU per child has the next one's making in it; fork
handlers, and with warm the work, run there and not on the way of a request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

import units
from derive import leaks
from model import COMMAND, MIB, NAMES, QUIET, SCENARIO, Image, Model, blocks_of, extra, image_of, model_of, tail
from runfile import Case, Run, RunError, load, strategy_rank
from stats import FEWEST, Estimate

MEASURED = (SCENARIO, "startup", "try")  # scenarios that measure a whole payload
#: Bytes of a page of which run.json says nothing.
ORDINARY_PAGE = 4096
#: A prediction that is not further off than this is good.
TOLERANCE = 0.25
#: More of a CPU than this, and requests queue: what is predicted is for one at a time.
BUSY = 0.7


class Lacking(Exception):
    """The runs do not have what the question needs; the text says which scenario has."""


@dataclass(frozen=True)
class Wish:
    """What the user has: times in ns, sizes in bytes; None: not said."""

    rss: float | None = None
    copied: float | None = None
    anon_vmas: float | None = None
    plain_vmas: float | None = None
    fds: float = 8.0
    load: float = 0.0  # the program's start: what an exec'd child pays
    hooks: float | None = None
    work: float = 0.0
    rate: float = 0.0  # per second
    sandbox: str = "none"
    parent_rss: float = 0.0
    parent_threads: float = 1.0
    pool: int = 8
    warm: bool = False  # what waits has done the work once


@dataclass
class Answer:
    """One strategy, predicted."""

    strategy: str
    ready: Estimate
    p99: Estimate | None
    cpu: float  # per child, ns
    share: float  # of one CPU at the wished rate
    private: float | None
    page_tables: float
    idle: float | None  # what waits ahead of requests
    inherited: tuple[int, int] | None
    reachable: tuple[int, int] | None
    unsafe: bool
    notes: list[str] = field(default_factory=list)

    @property
    def carries(self) -> bool:
        return self.share < 1


def load_runs(paths: list[Path]) -> list[Run]:
    """Of files and of results folders. RunError names the file and what is wrong."""
    runs = [load(path) for path in paths]
    for run in runs:
        if run.clock != units.TIME:
            raise RunError(f"{run.folder}: its clock counts {run.clock}, of which no time can be "
                           "predicted")
    return runs


def find_model(runs: list[Run]) -> Model:
    for run in runs:
        made = model_of(run)
        if made:
            return made
    raise Lacking("no run has the cost model's cases, or their images were not read; "
                  f"measure them: {COMMAND}")


def measured(runs: list[Run]) -> list[dict[str, Case]]:
    """Whole payloads by strategy, one dictionary per scenario; the model's own, which took turns
    with its other cases, before others."""
    found: dict[str, dict[str, Case]] = {}
    for case in (c for r in runs for c in r.of_kind("latency")):
        if case.scenario in MEASURED and not case.is_meter and case.metric("ready") \
                and case.payload not in ("none", "heap") and case.sandbox == "none" and cold(case):
            found.setdefault(case.scenario, {}).setdefault(case.strategy, case)
    return [dict(sorted(found[s].items(), key=lambda f: strategy_rank(f[0])))
            for s in MEASURED if s in found]


def best_measured(runs: list[Run]) -> dict[str, Case]:
    return next(iter(measured(runs)), {})


def _cloned(cases: dict[str, Case]) -> tuple[Case, Image] | None:
    """A measured payload's image: of a strategy that clones it."""
    for case in cases.values():
        image = image_of(case)
        if "FRESH_IMAGE" not in case.traits and image:
            return case, image
    return None


def page_bytes(runs: list[Run]) -> int:
    """Of the machine that was measured; a page table is one."""
    return int(runs[0].environment.get("page_bytes", ORDINARY_PAGE)) if runs else ORDINARY_PAGE


def table_mib(runs: list[Run]) -> float:
    """What one page table maps, whose entries have 8 bytes."""
    return page_bytes(runs) ** 2 / 8 / MIB


def image_for(wish: Wish, runs: list[Run]) -> tuple[Image, str]:
    """The image that would be cloned, and in words where its numbers are from."""
    known = _cloned(best_measured(runs))
    rss = wish.rss or 0.0
    if known:
        case, image = known
        share = min(1.0, image.copied_mib * MIB / case.raw["image"]["rss_bytes"])
        anon, plain = image.anon_vmas, image.plain_vmas
        tables = image.tables / max(image.copied_mib, 1.0)
        said = (f"{share:.0%} of the RSS copied and {anon:.0f} + {plain:.0f} mappings, as "
                f"{case.label} has")
    else:
        share, anon, plain, tables = 1.0, 20.0, 20.0, 1 / table_mib(runs)
        said = "all of the RSS copied: an upper bound"
    if wish.copied is not None:
        said = "as told"
    copied = wish.copied if wish.copied is not None else rss * share
    return Image(copied / MIB, tables * copied / MIB,
                 anon if wish.anon_vmas is None else wish.anon_vmas,
                 plain if wish.plain_vmas is None else wish.plain_vmas, wish.fds), said


def base_image(model: Model, strategy: str) -> Image:
    """The smallest image of the strategy's own cases: a parent without anything."""
    points = model.points[strategy]
    return min((p.image for p in points), key=lambda i: float(i.row(NAMES)[1:].sum()))


def is_fresh(traits: frozenset[str]) -> bool:
    return "FRESH_IMAGE" in traits


def runs_hooks(traits: frozenset[str]) -> bool:
    """On the way of a request: a child that was made ahead has run them before."""
    return "RUNS_ATFORK" in traits and not traits & {"AHEAD", "REUSES_PROCESS", "FRESH_IMAGE"}


def waits(traits: frozenset[str]) -> bool:
    return "AHEAD" in traits


def cold(case: Case) -> bool:
    """Not of a pool whose children have done the work ahead."""
    return case.params.get("warm") != "yes"


def value_of(case: Case, metric: str) -> Estimate | None:
    """As it was measured: ready with its interval, its p10 without."""
    m = case.metric("ready")
    if metric == "ready" or m is None:
        return Estimate(m.p50, m.ci, m.n) if m else None
    low = blocks_of(case, metric).get(0)
    return None if low is None else Estimate(low, None, m.n)


def surplus(model: Model, case: Case, metric: str) -> Estimate | None:
    """Measured less the fit at the image that was cloned."""
    fit, image = model.fits.get((case.strategy, metric)), image_of(case)
    value = value_of(case, metric)
    return _plus(value, -fit.at(image)) if fit and image and value else None


def _shown(model: Model, cases: dict[str, Case], pays: Callable[[frozenset[str]], bool],
           without: str, metric: str) -> tuple[Estimate, str] | None:
    """What the payload itself costs, as the strategies that pay it show, and their names."""
    found = {s: e for s, c in cases.items() if s != without and pays(c.traits)
             and (e := surplus(model, c, metric)) is not None}
    if not found:
        return None
    value = max(0.0, float(np.median([e.value for e in found.values()])))
    one = next(iter(found.values()))
    ci = (one.low, one.high) if len(found) == 1 and one.ci else None
    return Estimate(value, ci, len(found)), ", ".join(found)


def hooks_of(model: Model, cases: dict[str, Case],
             without: str = "", metric: str = "ready") -> tuple[Estimate, str] | None:
    """Fork handlers of the measured payload, as the other strategies that run them show."""
    return _shown(model, cases, runs_hooks, without, metric)


def load_of(model: Model, cases: dict[str, Case],
            without: str = "", metric: str = "ready") -> tuple[Estimate, str] | None:
    """The payload's start, as the other strategies that exec it show."""
    return _shown(model, cases, is_fresh, without, metric)


def _plus(a: Estimate, more: float) -> Estimate:
    ci = (a.low + more, a.high + more) if a.ci else None
    return Estimate(a.value + more, ci, a.n)


def _sum(a: Estimate, b: Estimate) -> Estimate:
    """Intervals added as independent ones."""
    if not (a.ci and b.ci):
        return Estimate(a.value + b.value, None, a.n)
    low = float(np.hypot(a.value - a.low, b.value - b.low))
    high = float(np.hypot(a.high - a.value, b.high - b.value))
    return Estimate(a.value + b.value, (a.value + b.value - low, a.value + b.value + high), a.n)


def _times(a: Estimate, b: Estimate) -> Estimate:
    ci = (a.low * b.low, a.high * b.high) if a.ci and b.ci else None
    return Estimate(a.value * b.value, ci, min(a.n, b.n))


def _memory(runs: list[Run], strategy: str, at: str, warm: bool) -> dict[str, Any] | None:
    """The most children alive that were measured, of the biggest payload."""
    rows = [(c.payload == "python", m["alive"], m, c) for r in runs for c in r.of_kind("memory")
            if c.strategy == strategy and c.sandbox == "none" and cold(c) != warm
            for m in c.raw["memory"] if m["at"] == at and m["uss_bytes"] is not None]
    best = max(rows, key=lambda r: r[:2], default=None)
    return {**best[2], "payload": best[3].label} if best else None


def _private(answer: Answer, runs: list[Run], wish: Wish, traits: frozenset[str]) -> None:
    """Memory of one child that it shares with nobody, without page tables."""
    row = _memory(runs, answer.strategy, "worked", wish.warm and waits(traits))
    if is_fresh(traits):
        share = row["uss_bytes"] / row["rss_bytes"] if row and row["rss_bytes"] else 1.0
        answer.private = wish.rss * share if wish.rss else None
        answer.notes.append(f"private: {share:.0%} of the RSS, " + (
            f"as {row['payload']}" if row else "an upper bound (no memory cases)"))
    elif row:
        answer.private = row["uss_bytes"]
        answer.notes.append(f"private: what the work of {row['payload']} writes")
    else:
        answer.notes.append("private: not measured (run the scenario memory)")


def _idle(answer: Answer, runs: list[Run], wish: Wish) -> None:
    """Memory of all that wait, page tables included; a cold one has not written yet."""
    row = _memory(runs, answer.strategy, "idle", wish.warm)
    each = row and row["pss_bytes"]
    said = f"PSS as of {row['alive']} that waited, {row['payload']}" if row else ""
    if each is None:
        row = None if wish.warm else _memory(runs, answer.strategy, "ready", False)
        each = row["uss_bytes"] if row else answer.private
        said = "what each has for itself alone, as none were measured while they waited"
    if each is None:
        answer.notes.append("idle: not measured, page tables alone (run the scenario memory)")
    else:
        answer.notes.append(f"idle: {said}; and page tables")
    answer.idle = wish.pool * (answer.page_tables + (each or 0.0))


def _ahead(answer: Answer, wish: Wish, made: float) -> None:
    """What a pool's answer rests on; made: CPU of making a child and of its end, ns."""
    answer.notes.append(f"its size bounds the burst: of more than {wish.pool} requests at once, "
                        f"each beyond waits for a child to be made ({units.time(made)} of CPU "
                        "with its end)")
    answer.notes.append("CPU per child has the refill in it" + (
        ", and the work twice: once while it waits, once when asked for" if wish.warm else ""))


def exposure(runs: list[Run], strategy: str, kind: str, sandbox: str) -> tuple[int, int] | None:
    """Of an attacker with the same uid, where there was one; python before other payloads."""
    for payload in ("python", "none"):
        for run in runs:
            part = leaks(run, strategy, payload, kind, sandbox=sandbox)
            if part:
                return part
    return None


def price(runs: list[Run], strategy: str, sandbox: str, metric: str) -> Estimate | None:
    """What the sandbox adds, in the first run that knows."""
    return next((e for r in runs if (e := extra(r, strategy, sandbox, metric))), None)


def _ready(model: Model, runs: list[Run], strategy: str, image: Image, wish: Wish) -> Estimate:
    """Without what the payload itself adds."""
    ready = model.fits[strategy, "ready"].predict(image)
    if wish.sandbox == "none":
        return ready
    more = price(runs, strategy, wish.sandbox, "ready")
    assert more is not None  # advise() has looked
    return _sum(ready, more)


def answer(model: Model, runs: list[Run], strategy: str, wish: Wish, image: Image) -> Answer:
    traits, notes = model.traits(strategy), []
    fresh = is_fresh(traits)
    if fresh:  # its own clone is of the parent
        base = base_image(model, strategy)
        image = replace(base, copied_mib=base.copied_mib + wish.parent_rss / MIB,
                        tables=base.tables + wish.parent_rss / MIB / table_mib(runs),
                        threads=wish.parent_threads)
    elif "PARENT_LOADS" in traits:
        image = replace(image, threads=wish.parent_threads)
    adds = wish.load if fresh else 0.0
    ahead = wish.work if wish.warm and waits(traits) else 0.0
    if waits(traits) and "RUNS_ATFORK" in traits:
        ahead += _hooks(model, runs, wish, notes)
    elif runs_hooks(traits):
        adds += _hooks(model, runs, wish, notes)
    elif not fresh and not traits & {"RUNS_ATFORK", "REUSES_PROCESS"}:
        notes.append("it runs no fork handlers: libraries that need them (threaded ones, random "
                     "numbers) may hang or repeat themselves in its children")
    own = _ready(model, runs, strategy, image, wish)
    ratio = tail([p.case for p in model.points[strategy]])
    late = _plus(_times(own, ratio), adds) if ratio else None
    ready = _plus(own, adds)
    if wish.load and fresh:  # is all of it, and its scatter is not known
        ready = Estimate(ready.value, None, ready.n)
        late = late and Estimate(late.value, None, late.n)
    cpu_fit = model.fits.get((strategy, "cpu"))
    cpu = (cpu_fit.at(image) if cpu_fit else 0.0) + adds + ahead
    if wish.sandbox != "none":
        more = price(runs, strategy, wish.sandbox, "cpu")
        cpu += more.value if more else 0.0
    inherited = exposure(runs, strategy, "inherited", wish.sandbox)
    made = Answer(
        strategy, ready, late, cpu + wish.work, wish.rate * (cpu + wish.work) / 1e9,
        None, 0.0 if fresh else page_bytes(runs) * image.tables, None, inherited,
        exposure(runs, strategy, "reachable", wish.sandbox),
        "NEGATIVE_CONTROL" in traits or bool(inherited and inherited[0]), notes)
    _private(made, runs, wish, traits)
    if waits(traits):
        _idle(made, runs, wish)
        _ahead(made, wish, cpu)
    return made


def _hooks(model: Model, runs: list[Run], wish: Wish, notes: list[str]) -> float:
    if wish.hooks is not None:
        return wish.hooks
    found = hooks_of(model, best_measured(runs))
    if found:
        notes.append(f"fork handlers: as measured under {found[1]}")
        return found[0].value
    notes.append("fork handlers: not known, taken as nothing")
    return 0.0


def advise(runs: list[Run], wish: Wish) -> tuple[list[Answer], Image, str]:
    """Every strategy, best first: safe before unsafe, then whom one CPU carries, then soonest."""
    model = find_model(runs)
    image, said = image_for(wish, runs)
    able = [s for s in model.strategies if (s, "ready") in model.fits]
    if wish.sandbox != "none":
        able = [s for s in able if price(runs, s, wish.sandbox, "ready")]
        if not able:
            raise Lacking(f"no run has a strategy in sandbox {wish.sandbox} and out of it, in one "
                          "section; measure it: build/spawnmark run sandbox --set "
                          f"'sandbox=none, {wish.sandbox}'")
    made = [answer(model, runs, s, wish, image) for s in able]
    made.sort(key=lambda a: (a.unsafe, not a.carries, a.ready.value))
    if model.crowded:
        made[0].notes.insert(0, "the machine of the model's run was shared: times are longer than "
                             "on a quiet one")
    return made, image, said


@dataclass(frozen=True)
class Check:
    """A prediction of a measured payload's `ready`, by its median and by its p10."""

    case: Case
    predicted: Estimate
    measured: float
    quiet: float | None  # predicted ÷ measured p10
    crowded: bool
    basis: str

    @property
    def ratio(self) -> float:
        return self.predicted.value / self.measured

    @property
    def judged(self) -> float:
        """The ratio that counts: a crowd is in every median, and in none like in another."""
        return self.quiet if self.crowded and self.quiet is not None else self.ratio

    @property
    def few(self) -> bool:
        """Too few blocks to be judged by."""
        m = self.case.metric("ready")
        return m is None or m.nblocks < FEWEST

    @property
    def good(self) -> bool:
        return abs(self.judged - 1) <= TOLERANCE

    @property
    def verdict(self) -> str:
        return "ok" if self.good else "few blocks" if self.few else "OFF"


def _predicted(model: Model, cases: dict[str, Case], case: Case,
               metric: str) -> tuple[Estimate, Estimate, str] | str:
    """Predicted, measured and what from; or why it cannot be."""
    fit, image = model.fits.get((case.strategy, metric)), image_of(case)
    value = value_of(case, metric)
    if fit is None or image is None or value is None:
        return f"{case.name}: no fit, or its image was not read"
    if not (is_fresh(case.traits) or runs_hooks(case.traits)):
        return (fit.predict(image), value,
                "made ahead, whatever the image" if waits(case.traits) else "the image alone")
    of, what = (load_of, "start") if is_fresh(case.traits) else (hooks_of, "fork handlers")
    found = of(model, cases, case.strategy, metric)
    if found is None:
        return f"{case.name}: its {what} could be taken from no other strategy"
    return (_sum(fit.predict(image), found[0]), value,
            f"the image + {what} as under {found[1]}")


def _checked(model: Model, cases: dict[str, Case], case: Case) -> Check | str:
    found = _predicted(model, cases, case, "ready")
    if isinstance(found, str):
        return found
    low = _predicted(model, cases, case, QUIET)
    quiet = None if isinstance(low, str) else low[0].value / low[1].value
    return Check(case, found[0], found[1].value, quiet, model.crowded, found[2])


def checks(runs: list[Run]) -> tuple[list[Check], list[str]]:
    """The model held against whole payloads; what could not be checked, and why.

    Nothing is predicted from its own measurement: start and fork handlers are the payload's, and
    are taken from the other strategies that pay them.
    """
    model, groups = find_model(runs), measured(runs)
    if not groups:
        raise Lacking("no run has a measured payload to compare with; measure it: "
                      "build/spawnmark run scenarios/model.ini startup")
    told = [_checked(model, cases, case) for cases in groups for case in cases.values()]
    return ([c for c in told if isinstance(c, Check)], [c for c in told if isinstance(c, str)])
