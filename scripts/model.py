# SPDX-License-Identifier: MIT
"""What each MiB, mapping, descriptor and thread of the cloned process costs: fits of scenario
model.

Per strategy and metric, latency = a + b·MiB + c·page table + d·mapping with pages + e·other
mapping + f·descriptor + g·thread, by weighted least squares. A point is a case; its image was read
from the very process that is cloned. Its value is the median of its block medians, its weight
1 ÷ error²: the error is told by the scatter of its blocks, and never taken for less than 3 % of the
value, as errors are proportional. Only what the scenario sweeps has a coefficient. Intervals:
bootstrap over blocks (all points of a block are drawn together), always from the same seed.
What does not depend on the image is flat: one level, and an interval that holds what the points
differ by. So is by its nature how soon a child is there that was made ahead.
`teardown` is reaped - worked here: on a CPU that parent and child share, it is a matter of
scheduling whether the parent reads the record before or after the child has gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from runfile import Case, Run, strategy_rank
from stats import FEWEST, LEVEL, RESAMPLES, SEED, Estimate, difference

SCENARIO = "model"
COMMAND = "build/spawnmark run scenarios/model.ini"
#: Of all samples of a case: what a spawn takes that nobody interrupts.
QUIET = "ready p10"
METRICS = ("entered", "ready", QUIET, "reaped", "teardown", "cpu")
#: With a child that was made ahead no clone lies between the request and these.
AHEAD_FLAT = ("entered", "ready", QUIET)
#: The heap's share of the variance that the project promises to explain.
HEAP_R2 = 0.97
#: ns per MiB; what is cloned costs 15 µs and more.
STEEP = 5000.0
MIB = float(1 << 20)
#: A tail quantile needs as many samples, over all cases of a strategy.
TAIL_SAMPLES = 500

#: No point is trusted further than this share of its value.
LEAST_ERROR = 0.03

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Factor:
    """A property of the cloned process, and the keys of scenarios that sweep it."""

    name: str
    unit: str
    keys: tuple[str, ...]
    label: str


FACTORS = (
    Factor("copied_mib", "MiB", ("heap_mb", "ballast_mb"),
           "MiB resident in mappings with pages of their own"),
    Factor("tables", "page table", ("heap_tables",), "page tables of such mappings"),
    Factor("anon_vmas", "mapping with pages", ("heap_vmas",), "mappings with pages of their own"),
    Factor("plain_vmas", "other mapping", ("heap_maps", "ballast_vmas"),
           "mappings without: of files, or untouched"),
    Factor("fds", "descriptor", ("heap_fds", "ballast_fds"), "descriptors"),
    Factor("threads", "thread", ("ballast_threads",), "threads, each with its stack's mapping"),
)
NAMES = tuple(f.name for f in FACTORS)


@dataclass(frozen=True)
class Image:
    """What a clone has to copy."""

    copied_mib: float
    tables: float
    anon_vmas: float
    plain_vmas: float
    fds: float
    threads: float = 1.0

    def row(self, names: tuple[str, ...]) -> Array:
        return np.array([1.0, *(getattr(self, n) for n in names)])


def image_of(case: Case) -> Image | None:
    """None where it was not read: the run is of an older spawnmark, or /proc did not show it."""
    raw = case.raw["image"] or {}
    known = [raw.get(k) for k in ("copied_bytes", "copied_tables", "anon_vmas",
                                     "vmas", "fds", "threads")]
    if any(v is None for v in known):
        return None
    copied, tables, anon, vmas, fds, threads = known
    return Image(copied / MIB, tables, anon, max(0, vmas - anon), fds, threads)


@dataclass(frozen=True)
class Point:
    """One case: its image, and a value of every metric by block, ns."""

    case: Case
    image: Image
    blocks: dict[str, dict[int, float]]

    @property
    def factor(self) -> str | None:
        """The one that its section sweeps; None: none, or several at once."""
        found = {f.name for f in FACTORS for k in f.keys if self.case.param(k) is not None}
        return found.pop() if len(found) == 1 else None

    def value(self, metric: str) -> float | None:
        values = self.blocks.get(metric)
        return float(np.median(list(values.values()))) if values else None

    def error(self, metric: str) -> float:
        """Of the value: the blocks' median absolute deviation as a normal one, over √n."""
        values = np.array(list(self.blocks[metric].values()))
        middle = float(np.median(values))
        scatter = 1.4826 * float(np.median(np.abs(values - middle))) / np.sqrt(len(values))
        return max(float(scatter), LEAST_ERROR * abs(middle), 1.0)


def cpu_blocks(case: Case) -> dict[int, float]:
    """CPU per spawn by block, all processes and warm-ups counted."""
    found = {}
    for b in case.raw["blocks"]:
        spawns = b["n"] + b["failed"] + b["warmup"]
        if b["cpu_ns"] is not None and spawns:
            found[b["index"]] = b["cpu_ns"] / spawns
    return found


def blocks_of(case: Case, metric: str) -> dict[int, float]:
    if metric == "cpu":
        return cpu_blocks(case)
    if metric == QUIET:  # one value, of no block: it has no interval
        samples = case.ecdf("ready")
        return {0: float(np.quantile(samples, 0.1))} if len(samples) > 4 else {}
    if metric == "teardown":
        worked, reaped = blocks_of(case, "worked"), blocks_of(case, "reaped")
        return {i: reaped[i] - worked[i] for i in worked.keys() & reaped.keys()}
    m = case.metric(metric)
    return {i: v for i, v in m.blocks.items() if v is not None} if m else {}


def point_of(case: Case) -> Point | None:
    image = image_of(case)
    if image is None:
        return None
    return Point(case, image, {m: b for m in METRICS if (b := blocks_of(case, m))})


def is_plain(case: Case) -> bool:
    """Of the sweeps: no sandbox, and no interpreter, whose own price is another question."""
    return (case.scenario == SCENARIO and not case.is_meter and case.payload in ("heap", "none")
            and case.sandbox == "none" and case.params.get("heap_pages") != "thp")


@dataclass(frozen=True)
class Fit:
    """One strategy's price list for one metric, ns."""

    strategy: str
    metric: str
    who: str  # whose image counts: "server", "parent"
    names: tuple[str, ...]
    coefficients: dict[str, Estimate]  # "a" and one of each name
    r2: dict[str, float | None]  # by factor, of the points that sweep it; "all": of all points
    residuals: dict[str, float]  # by case: measured ÷ fitted
    draws: Array = field(repr=False)  # bootstrap: one row of coefficients each

    @cached_property
    def _values(self) -> Array:
        return np.array([self.coefficients[n].value for n in ("a", *self.names)])

    def at(self, image: Image) -> float:
        return float(image.row(self.names) @ self._values)

    def predict(self, image: Image) -> Estimate:
        """The value, and an interval that holds blocks' scatter and the points' misfit."""
        if self.is_flat:
            return self.coefficients["a"]
        random = np.random.default_rng(SEED)
        spread = random.choice(np.array(list(self.residuals.values())), len(self.draws))
        ci = _interval((self.draws @ image.row(self.names)) * spread) if self._bounded else None
        return Estimate(max(0.0, self.at(image)), ci, len(self.residuals))

    @property
    def _bounded(self) -> bool:
        return self.coefficients["a"].ci is not None

    @property
    def worst(self) -> tuple[str, float]:
        """The case that the fit misses most, by ratio, and measured ÷ fitted there."""
        return max(self.residuals.items(), key=lambda r: abs(np.log(max(r[1], 1e-9))))

    @property
    def is_flat(self) -> bool:
        """The image does not matter: `a` is all there is, and its interval holds the points."""
        return not self.names

    @property
    def is_steep(self) -> bool:
        """It grows with the heap: a flat line has no variance to explain, and no R²."""
        slope = self.coefficients.get("copied_mib")
        return bool(slope and slope.low > STEEP)

    @property
    def heap_is_linear(self) -> bool | None:
        """None: it does not grow, or too few points say so."""
        r2 = self.r2.get("copied_mib") if self.is_steep else None
        return None if r2 is None else r2 >= HEAP_R2


def _interval(values: Array) -> tuple[float, float]:
    tail = 50 * (1 - LEVEL)
    low, high = np.percentile(values, (tail, 100 - tail))
    return float(low), float(high)


def _swept(points: list[Point]) -> tuple[str, ...]:
    """Factors with at least two values of their own, in the order of the table."""
    found = []
    for f in FACTORS:
        values = {getattr(p.image, f.name) for p in points if p.factor == f.name}
        if len(values) > 1:
            found.append(f.name)
    return tuple(found)


def r_squared(measured: Array, fitted: Array) -> float | None:
    """Share of the variance that is explained; None with less than three points or no variance."""
    spread = float(((measured - measured.mean()) ** 2).sum())
    if len(measured) < 3 or spread == 0:
        return None
    return 1 - float(((measured - fitted) ** 2).sum()) / spread


def _r2(points: list[Point], names: tuple[str, ...], y: Array, fitted: Array) -> dict[
        str, float | None]:
    """By factor: its sweep and the base point, which is the least of the first sweep."""
    found = {"all": r_squared(y, fitted)}
    base = min(range(len(points)), key=lambda i: (
        sum(getattr(points[i].image, n) for n in NAMES), points[i].case.name))
    for name in names:
        of = sorted({i for i, p in enumerate(points) if p.factor == name} | {base})
        found[name] = r_squared(y[of], fitted[of])
    return found


def _resample(points: list[Point], metric: str, y: Array) -> Array | None:
    """RESAMPLES × points: medians over blocks drawn with replacement; None: too few blocks."""
    indices = sorted({i for p in points for i in p.blocks[metric]})
    if len(indices) < FEWEST:
        return None
    table = np.array([[p.blocks[metric].get(i, np.nan) for p in points] for i in indices])
    drawn = np.random.default_rng(SEED).integers(len(indices), size=(RESAMPLES, len(indices)))
    holes = np.isnan(table)
    if holes.any():  # a point without its block keeps its own median there
        table = np.where(holes, y, table)
    return np.median(table[drawn], axis=1)


def _solved(points: list[Point], metric: str, names: tuple[str, ...]) -> tuple[
        Array, Array, Array | None] | None:
    """Coefficients, fitted values and draws of the coefficients; None: the factors are tied."""
    x = np.array([p.image.row(names) for p in points])
    y = np.array([p.value(metric) for p in points])
    weights = 1 / np.array([p.error(metric) for p in points])
    if np.linalg.matrix_rank(x * weights[:, None]) < x.shape[1]:
        return None
    solve = np.linalg.pinv(x * weights[:, None])
    values = solve @ (y * weights)
    drawn = _resample(points, metric, y)
    return values, x @ values, None if drawn is None else (drawn * weights) @ solve.T


def _matters(points: list[Point], name: str, slope: float, ci: tuple[float, float] | None,
             fixed: float) -> bool:
    """Not where 0 lies in its interval, nor where its sweep adds less than a point's error."""
    swept = [getattr(p.image, name) for p in points]
    adds = abs(slope) * (max(swept) - min(swept))
    return (ci is None or ci[0] * ci[1] > 0) and adds > LEAST_ERROR * abs(fixed)


def _far(points: list[Point]) -> list[Point]:
    """The far end of every sweep, and what has everything at once."""
    ends = {p.factor: p for p in sorted(
        points, key=lambda p: getattr(p.image, p.factor) if p.factor else 0.0)}
    return [p for p in points if p.factor is None or p is ends[p.factor]]


def _flat(points: list[Point], metric: str) -> Fit:
    """The level of the far points: near ones find warmer caches, as no real program does."""
    far = _far(points)
    level = float(np.median([p.value(metric) for p in far]))
    y = np.array([p.value(metric) for p in points])
    ratios = y / max(level, 1.0)
    drawn = _resample(far, metric, np.array([p.value(metric) for p in far]))
    middle = np.array([level]) if drawn is None else np.median(drawn, axis=1)
    spread = np.random.default_rng(SEED).choice(ratios, len(middle))
    ci = None if drawn is None else _interval(middle * spread)
    return _fit_of(points, metric, (), {"a": Estimate(level, ci, len(points))}, {"all": None},
                   ratios, middle[:, None])


def _fit_of(points: list[Point], metric: str, names: tuple[str, ...],
            coefficients: dict[str, Estimate], r2: dict[str, float | None], ratios: Array,
            draws: Array) -> Fit:
    case = points[0].case
    return Fit(case.strategy, metric, (case.raw["image"] or {}).get("who", "parent"), names,
               coefficients, r2, {p.case.name: float(r) for p, r in zip(points, ratios)}, draws)


def fit(points: list[Point], metric: str) -> Fit | None:
    """None where the points cannot tell the coefficients apart, or nothing was swept."""
    points = [p for p in points if p.value(metric)]
    names = _swept(points)
    if not names or len(points) <= len(names) + 1:
        return None
    if metric in AHEAD_FLAT and "AHEAD" in points[0].case.traits:
        return _flat(points, metric)
    solved = _solved(points, metric, names)
    if solved is None:
        return None
    values, fitted, draws = solved
    cis = [None] * len(values) if draws is None else [_interval(d) for d in draws.T]
    if not any(_matters(points, n, float(v), ci, float(values[0]))
               for n, v, ci in zip(names, values[1:], cis[1:])):
        return _flat(points, metric)
    y = np.array([p.value(metric) for p in points])
    return _fit_of(
        points, metric, names,
        {n: Estimate(float(v), ci, len(points))
         for n, v, ci in zip(("a", *names), values, cis)},
        _r2(points, names, y, fitted), y / np.maximum(fitted, 1.0),
        values[None, :] if draws is None else draws)


@dataclass(frozen=True)
class Model:
    """All fits of one run."""

    run: Run
    points: dict[str, list[Point]]
    fits: dict[tuple[str, str], Fit]  # by strategy and metric

    @property
    def strategies(self) -> list[str]:
        return sorted({s for s, _ in self.fits}, key=strategy_rank)

    def bent(self, metric: str) -> list[str]:
        """Strategies under which the heap's price is no straight line."""
        return [s for s in self.strategies
                if (f := self.fits.get((s, metric))) and f.heap_is_linear is False]

    @property
    def crowded(self) -> bool:
        """Latency bends where what cannot be interrupted does not: others used the machine."""
        return any(s not in self.bent("cpu") or s not in self.bent(QUIET)
                   for s in self.bent("ready"))

    def traits(self, strategy: str) -> frozenset[str]:
        return self.points[strategy][0].case.traits

    def linear(self) -> list[Fit]:
        """The fits that a table shows, strategy by strategy."""
        return [f for s in self.strategies for m in METRICS if (f := self.fits.get((s, m)))]


def model_of(run: Run) -> Model | None:
    """None when the run has no such scenario, or its images were not read."""
    points: dict[str, list[Point]] = {}
    for case in run.of_kind("latency"):
        point = point_of(case) if is_plain(case) else None
        if point and point.blocks:
            points.setdefault(case.strategy, []).append(point)
    fits = {(s, m): f for s, ps in points.items() for m in METRICS if (f := fit(ps, m))}
    return Model(run, points, fits) if fits else None


def tail(cases: list[Case], metric: str = "ready", q: float = 0.99) -> Estimate | None:
    """Quantile ÷ median: samples of all cases, each over its own case's median, together.

    The interval draws cases. None below TAIL_SAMPLES.
    """
    found = [(np.asarray(e) / m.p50, m.n) for c in cases
             if (m := c.metric(metric)) and (e := c.ecdf(metric)) and m.p50 > 0]
    if sum(n for _, n in found) < TAIL_SAMPLES:
        return None
    value = float(np.quantile(np.concatenate([v for v, _ in found]), q))
    random = np.random.default_rng(SEED)
    drawn = [np.quantile(np.concatenate([found[i][0] for i in random.integers(
        len(found), size=len(found))]), q) for _ in range(400)]
    return Estimate(value, _interval(np.array(drawn)), sum(n for _, n in found))


def extra(run: Run, strategy: str, sandbox: str, metric: str) -> Estimate | None:
    """What a sandbox adds, by block: a case with it less the same case without."""
    def key(case: Case) -> tuple[object, ...]:
        rest = sorted((k, v) for k, v in case.params.items() if k != "sandbox")
        return case.scenario, case.section, case.payload, case.pin, tuple(rest)

    of = [c for c in run.of_kind("latency") if c.strategy == strategy]
    plain = {key(c): c for c in of if c.sandbox == "none"}
    found = []
    for case in of:
        other = plain.get(key(case))
        if case.sandbox != sandbox or other is None or case is other:
            continue
        est = difference(_opt(blocks_of(case, metric)), _opt(blocks_of(other, metric)))
        if est:
            found.append((case.scenario == SCENARIO, est.n, est))
    return max(found, key=lambda f: f[:2])[2] if found else None


def _opt(blocks: Mapping[int, float]) -> dict[int, float | None]:
    return dict(blocks)
