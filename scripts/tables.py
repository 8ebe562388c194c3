# SPDX-License-Identifier: MIT
"""Plain tables of the scenarios beside startup, for a run that has no headline table."""

from __future__ import annotations

import textwrap

import units
from derive import leaks
from isolation import attackers
from model import FACTORS, HEAP_R2, Fit, model_of
from runfile import Case, Run
from stats import Estimate

#: What the screen has room for; the page has every metric.
MODEL_METRICS = ("ready", "teardown", "cpu")
SWEPT = ("heap_mb", "heap_vmas", "heap_fds", "ballast_mb", "ballast_vmas", "ballast_fds")


def throughput_lines(run: Run) -> list[str]:
    rows = [(c, p) for c in run.of_kind("throughput") for p in c.raw["throughput"]]
    if not rows:
        return []
    form = "{:<14}{:<14}{:>5}{:>10}{:>26}{:>26}"
    lines = [form.format("strategy", "payload", "CPUs", "in flight", "children/s [95 %]",
                         f"children/{units.cpu_short()} [95 %]")]
    for c, p in rows:
        lines.append(form.format(c.variant[:13], c.payload[:13], p["cpus"], p["in_flight"],
                                 units.number(p["children_per_s"], p["children_per_s_ci"]),
                                 units.number(p["children_per_cpu_s"],
                                              p["children_per_cpu_s_ci"])))
    return lines


def memory_lines(run: Run) -> list[str]:
    rows = [(c, m) for c in run.of_kind("memory") for m in c.raw["memory"]]
    if not rows:
        return []
    form = "{:<14}{:<14}{:>6}{:>8}{:>12}{:>12}{:>14}  {}"
    lines = [form.format("strategy", "payload", "alive", "at", "PSS/child", "USS/child",
                         "page tables", "")]
    for c, m in rows:
        lines.append(form.format(c.variant[:13], c.payload[:13], m["alive"], m["at"],
                                 units.size(m["pss_bytes"]), units.size(m["uss_bytes"]),
                                 units.size(m["page_tables_bytes"]), m["reason"] or "").rstrip())
    return lines


def isolation_lines(run: Run) -> list[str]:
    found = list(dict.fromkeys((f["strategy"], f["payload"], f["sandbox"])
                               for f in run.isolation))
    if not found:
        return []
    form = "{:<14}{:<14}{:<10}{:>12}{:>12}"
    lines = [form.format("strategy", "payload", "sandbox", "inherited", "reachable")
             + f"   attacker: {attackers(run)}"]
    for strategy, payload, sandbox in found:
        said = [units.share(leaks(run, strategy, payload, kind, sandbox=sandbox))
                for kind in ("inherited", "reachable")]
        lines.append(form.format(strategy, payload[:13], sandbox[:9], *said))
    return lines


def swept_key(case: Case) -> str | None:
    """The heap or ballast key that the case's place in its sweep is named by."""
    return next((k for k in SWEPT if case.param(k) is not None), None)


def scale_lines(run: Run) -> list[str]:
    rows = [(c, key, m) for c in run.of_kind("latency") if c.scenario == "scale"
            and not c.is_meter and (key := swept_key(c)) and (m := c.metric("ready"))]
    if not rows:
        return []
    lines = [f"{'strategy':<14}{'swept':<14}{'value':>8}{'ready p50 [95 %]':>26}"]
    for c, key, m in sorted(rows, key=lambda r: (r[1], r[0].strategy, r[0].param(r[1]) or 0)):
        lines.append(f"{c.strategy:<14}{key:<14}{c.params[key]:>8}{units.time(m.p50, m.ci):>26}")
    return lines


#: Unit of a coefficient in the table (ns in one of it), and its decimals.
FIXED, MICRO, NANO = (1e3, 0), (1e3, 1), (1.0, 0)
PRICES = {"copied_mib": ("MiB", MICRO), "tables": ("table", MICRO),
          "anon_vmas": ("own map", NANO), "plain_vmas": ("map", NANO),
          "fds": ("fd", NANO), "threads": ("thread", MICRO)}


def _price(est: Estimate | None, unit: tuple[float, int]) -> str:
    """'16.7 ±0.5': half of the interval, with the value's decimals."""
    if est is None:
        return units.NOTHING
    scale, decimals = unit
    half = f" ±{(est.high - est.low) / 2 / scale:.{decimals}f}" if est.ci else ""
    return f"{est.value / scale:.{decimals}f}{half}"


def r_squared(value: float | None) -> str:
    """Never rounded up to 1."""
    return units.NOTHING if value is None else f"{int(value * 1000) / 1000:.3f}"


def _model_cells(fit: Fit) -> tuple[str, ...]:
    prices = [_price(fit.coefficients.get(f.name), PRICES[f.name][1]) for f in FACTORS]
    r2 = r_squared(fit.r2.get("copied_mib")) if fit.is_steep else "flat"
    return fit.strategy, fit.metric, _price(fit.coefficients["a"], FIXED), *prices, r2


def aligned(lines: list[tuple[str, ...]], left: int) -> list[str]:
    """Columns as wide as what they hold; the first ones to the left, the rest to the right."""
    widths = [max(map(len, column)) for column in zip(*lines)]
    return [" ".join(c.ljust(w) if i < left else c.rjust(w)
                     for i, (c, w) in enumerate(zip(line, widths))).rstrip() for line in lines]


def model_lines(run: Run) -> list[str]:
    """The price list: a + b·MiB + c·mapping + …, one line per strategy and metric."""
    model = model_of(run)
    if model is None:
        return []
    head = [f"{PRICES[f.name][0]} {units.micro() if PRICES[f.name][1] is MICRO else units.nano()}"
            for f in FACTORS]
    lines = aligned([("price", "of", f"fixed {units.micro()}", *head, "R² MiB"),
                     *(_model_cells(f) for f in model.linear() if f.metric in MODEL_METRICS)], 2)
    low = [f"{f.strategy} {f.metric}" for f in model.linear() if f.heap_is_linear is False]
    flat = [f"{f.strategy} {f.metric} {units.time(a.value, a.ci)}" for f in model.linear()
            if f.is_flat and f.metric in MODEL_METRICS and (a := f.coefficients["a"])]
    if flat:
        lines += textwrap.wrap(f"flat: {', '.join(flat)}", 100)
    if low:
        lines += textwrap.wrap(f"R² of the heap below {HEAP_R2}: {', '.join(low)}", 100)
    return lines
