# SPDX-License-Identifier: MIT
"""Every case and metric of two runs against each other, with its verdict.

Several comparisons are made at once, and each may err. What decides (the declared primary cells,
and those that --fail-on names) is one family: faster and slower are said there after Holm, so that
one of them is wrong in at most 5 of 100 comparisons of a thing with itself. Intervals are each
cell's own, of 95 %. All other cells are told, and decide nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from loaded import held, noise
from margins import Margins
from runfile import METRICS, Case, Run
from stats import LEVEL, Blocks
from verdicts import FASTER, SLOWER, Spread, Verdict, Noise, holm_levels, judge, measure, of_itself

#: The declared primary cells: startup latency of every strategy, for each payload of the headline.
PRIMARY_SECTIONS = (("startup", "none"), ("startup", "python"), ("try", "python"), ("try", "none"),
                    ("kernels", "none"), ("kernels", "heap"))
PRIMARY_METRICS = ("ready", "worked")
BASE_SUFFIX = "@base"
FLIPPED = {FASTER: SLOWER, SLOWER: FASTER}


@dataclass(frozen=True)
class Quantity:
    """One metric of a case: its value, and its blocks if it has some."""

    metric: str
    unit: str  # ns (which may be of instructions), 1/s, bytes
    value: float
    blocks: Blocks
    more_is_better: bool = False
    judged: bool = True  # False: once a run, told without a verdict


@dataclass(frozen=True)
class Compared:
    """One metric of one case, base against one of the new runs."""

    case: str
    new_run: int  # 0: the first of the new ones
    metric: str
    unit: str
    base: float
    new: float
    primary: bool
    judged: bool
    more_is_better: bool
    margin: float
    spread: Spread
    verdict: Verdict
    disturbed: Noise | None = None
    family: bool = False

    @property
    def loss(self) -> tuple[float | None, float | None, float | None]:
        """How many times worse: the ratio and its interval, turned where more is better."""
        v = self.verdict
        if not self.more_is_better:
            return v.ratio, v.low, v.high
        turned = [1 / x if x else None for x in (v.ratio, v.high, v.low)]
        return turned[0], turned[1], turned[2]

    def tested(self, level: float) -> Compared:
        """As one of a family."""
        verdict = _judged(self.spread, self.margin, level, self.more_is_better, self.disturbed)
        return replace(self, verdict=verdict, family=True)


def _judged(spread: Spread, margin: float, tested: float, more_is_better: bool,
            disturbed: Noise | None) -> Verdict:
    """In words of the metric: more children per CPU-second are faster."""
    verdict = held(judge(spread, margin, tested=tested), disturbed)
    word = FLIPPED.get(verdict.word, verdict.word) if more_is_better else verdict.word
    return replace(verdict, word=word)


def _latencies(case: Case) -> Iterator[Quantity]:
    for name in METRICS:
        m = case.metric(name)
        if m:
            yield Quantity(name, "ns", m.p50, m.blocks)


def _cpu(case: Case) -> Iterator[Quantity]:
    """CPU per child, of all children of a block: warm-ups cost as well."""
    cpu = case.raw["cpu"]
    if not cpu or cpu["per_child_ns"] is None:
        return
    blocks = {}
    for b in case.raw["blocks"]:
        children = b["n"] + b["failed"] + b["warmup"]
        known = b["cpu_ns"] is not None and children > 0
        blocks[b["index"]] = b["cpu_ns"] / children if known else None
    yield Quantity("cpu", "ns", cpu["per_child_ns"], blocks)


def _throughput(case: Case) -> Iterator[Quantity]:
    for point in case.raw["throughput"]:
        rate = point["children_per_cpu_s"]
        if rate is not None:
            blocks = {b["index"]: b["children_per_cpu_s"] for b in point.get("blocks", ())}
            name = f"throughput cpus={point['cpus']} in_flight={point['in_flight']}"
            yield Quantity(name, "1/s", rate, blocks, more_is_better=True)


def _once(case: Case) -> Iterator[Quantity]:
    """What a run tells once: there is no telling how it varies."""
    for row in case.raw["memory"]:
        if row["pss_bytes"]:
            name = f"pss {row['at']} alive={row['alive']}"
            yield Quantity(name, "bytes", row["pss_bytes"], {}, judged=False)
    rate = case.raw.get("capacity", {}).get("rate_per_cpu")
    if rate:
        yield Quantity("capacity", "1/s", rate, {}, more_is_better=True, judged=False)


def quantities(case: Case) -> dict[str, Quantity]:
    made = [*_latencies(case), *_cpu(case), *_throughput(case), *_once(case)]
    return {q.metric: q for q in made}


def is_primary(case: Case) -> bool:
    """By the table: every way to get a child (pool, and a warm pool), outside a sandbox."""
    return ((case.scenario, case.section) in PRIMARY_SECTIONS and case.sandbox == "none"
            and not case.is_meter and "target" not in case.params)


def primaries(cases: Iterable[Case]) -> set[str]:
    """Names of the primary cases; where the table finds none, every latency is one."""
    known = list(cases)
    found = {c.name for c in known if is_primary(c)}
    return found or {c.name for c in known if c.kind in ("latency", "open") and not c.is_meter}


def in_order(run: Run) -> list[Case]:
    """By scenario and section as they were planned; within them by strategy."""
    places: dict[tuple[str, str], int] = {}
    for raw in run.raw["cases"]:
        places.setdefault((raw["scenario"], raw["section"]), len(places))
    return sorted(run.cases, key=lambda c: places[c.scenario, c.section])


def pairs_of_run(run: Run) -> list[tuple[Case, Case]]:
    """Base and new of every case of a run of pairs."""
    return [(base, case) for case in in_order(run) if case.side == "new"
            and (base := run.by_name.get(case.name + BASE_SUFFIX))]


def pairs_of_runs(base: Run, new: Run) -> list[tuple[Case, Case]]:
    return [(base.by_name[case.name], case) for case in in_order(new) if case.name in base.by_name]


@dataclass(frozen=True)
class Settings:
    """What holds for every cell."""

    margins: Margins
    paired: bool
    seed: int
    cpus: tuple[int, int]  # of the machines of base and new
    same: bool = False  # both sides are one run: nothing was measured twice, nothing is inferred
    #: A clock that counts instructions stands still while the host does other work; whoever else has
    #: a guest's CPU is its kernel, and part of what is compared.
    counted: bool = False


def _compare(base: Quantity, new: Quantity, case: Case, at: int, primary: bool,
             settings: Settings, disturbed: Noise | None) -> Compared:
    spread = of_itself(base.blocks) if settings.same else \
        measure(base.blocks, new.blocks, paired=settings.paired, seed=settings.seed)
    if not base.blocks or not new.blocks:  # values alone
        spread = replace(spread, ratio=new.value / base.value if base.value else None)
    margin = settings.margins.of(new.metric.partition(" ")[0])
    return Compared(case.name, at, new.metric, new.unit, base.value, new.value, primary,
                    new.judged, new.more_is_better, margin, spread,
                    _judged(spread, margin, LEVEL, new.more_is_better, disturbed), disturbed)


def compare(pairs: list[tuple[Case, Case]], at: int, settings: Settings) -> list[Compared]:
    """All cells of one new run, none of them in a family yet."""
    chosen = primaries(new for _, new in pairs)
    made = []
    for base, new in pairs:
        mine = quantities(base)
        disturbed = None if settings.same or settings.counted else \
            noise(base.raw, new.raw, settings.cpus, settings.paired)
        for name, quantity in quantities(new).items():
            if name in mine:
                primary = new.name in chosen and name in PRIMARY_METRICS
                made.append(_compare(mine[name], quantity, new, at, primary, settings, disturbed))
    return made


def in_family(cells: list[Compared], chosen: Callable[[Compared], bool]) -> list[Compared]:
    """The chosen ones tested at Holm's levels; the others as they are."""
    family = [i for i, c in enumerate(cells) if chosen(c)]
    levels = holm_levels([cells[i].spread.p for i in family])
    made = list(cells)
    for i, level in zip(family, levels):
        made[i] = cells[i].tested(level)
    return made
