# SPDX-License-Identifier: MIT
"""report.html: one file, no network, no script needed; pictures are inline SVG in page colours."""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup

import conformance
import noise
import openloop
import pairs
import palette
import sandboxes
import svg
import switches
import units
from answer import answer
from claims import claims
from derive import groups, rate
from isolation import ATTACKERS, attackers, inherited, reachable
from model import FACTORS, model_of
from runfile import METRICS, Case, Run, new_side
from selfchecked import ABSENT, percent, selfcheck_of, share
from sentence import about
from summary import full_errors, incomplete_lines
from tables import r_squared, swept_key
from template import script, template

NO_BREAK = re.compile(r" (?=(?:×|ns|µs|ms|s|B|kB|MB|GB|%|CPUs|k|M|G|instructions)(?:[ ,.;]|$))"
                      r"|(?<=,) (?=[0-9.]+\])")


def unbroken(text: str) -> str:
    """A number keeps its unit, and an interval its ends, on one line."""
    return NO_BREAK.sub("\u00a0", text)


def stacked(text: str) -> Markup:
    """An interval below its value: ten columns fit a window of 1000 pixels."""
    value, bracket, rest = str(Markup.escape(text)).partition(" [")
    return Markup(f"{value}<br><small>[{rest}</small>" if bracket else value)


def pictures(run: Run, drawn: dict[str, str]) -> list[dict[str, Any]]:
    from plots import PLOTS

    made = []
    for plot in sorted(PLOTS, key=lambda p: p.place):
        if plot.name in drawn:
            text = (run.folder / "plots" / f"{plot.name}.svg").read_text(encoding="utf-8")
            made.append({"name": plot.name, "title": plot.title, "reading": plot.reading,
                         "svg": svg.element(text, plot.name, drawn[plot.name])})
    return made


def _group(run: Run, group: Any) -> dict[str, Any]:
    floor = group.floor
    return {"title": group.title, "samples": group.samples(),
            "sentence": about(run, group), "rows": group.rows, "alive": group.alive,
            "floor": f"{units.time(floor[0])} ({floor[1]} image)" if floor else None}


def _latency_rows(run: Run) -> list[dict[str, Any]]:
    """Every latency case with all of its metrics."""
    rows = []
    for case in run.of_kind("latency"):
        metrics = [case.metric(name) for name in METRICS]
        ready = case.metric("ready") or case.metric("reaped")
        rows.append({"case": case, "metrics": metrics, "ready": ready, "swept": swept_key(case)})
    return rows


def _noise(case: Case) -> str:
    noise = case.raw["noise"]
    if not noise:
        return units.NOTHING
    steal = "" if units.instructions() else f"steal {units.time(noise['steal_ns'])}, "
    return (f"{steal}{units.number(noise['nivcsw'])} involuntary "
            f"switches, {units.number(noise['majflt'])} major faults, flagged "
            f"{units.number(noise['flagged'])}, lag-1 {units.number(noise['lag1'])}")


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{k}: {v}" for k, v in value.items())
    return units.NOTHING if value is None else str(value)


def _facts(run: Run) -> list[tuple[str, str]]:
    context = {k: v for k, v in run.raw["context"].items() if k not in ("spawnmark", "caches")}
    mark = {k: run.mark[k] for k in ("version", "commit", "seed", "started", "finished", "quick",
                                     "fingerprint")}
    mark["clock"] = run.mark.get("clock")
    mark["argv"] = " ".join(run.mark["argv"])
    mark["noise"] = noise.line(run)
    return [(k, _flat(v)) for part in (mark, run.environment, context) for k, v in part.items()]


def _calibration(run: Run) -> list[tuple[str, str, int]]:
    rows = []
    for c in run.mark["calibration"]:
        ci = (c["lo"], c["hi"]) if c["lo"] is not None and c["hi"] is not None else None
        timed = c["name"].endswith("_ns")
        value = units.time(c["p50"], ci) if timed else units.number(c["p50"], ci)
        rows.append((c["name"].removesuffix("_ns"), value, c["n"]))
    return rows


def page(whole: Run, drawn: dict[str, str]) -> str:
    """The whole document; of a run of pairs the new side, and what the pairs tell."""
    with units.counting(whole.clock):
        return _page(whole, drawn)


def _page(whole: Run, drawn: dict[str, str]) -> str:
    run = new_side(whole)
    return template("report.html", palette=palette.css(), script=script("report.js"), units=units,
                    rate=rate, noise=_noise, unbroken=unbroken, stacked=stacked, share_of=share,
                    percent=percent).render(
        run=run, answer=answer(run), incomplete=incomplete_lines(run),
        groups=[_group(run, g) for g in groups(run)], claims=claims(run),
        pictures=pictures(run, drawn), attacker=attackers(run), inherited=inherited(run),
        reachable=[(who, reachable(run, who)) for who in ATTACKERS], errors=full_errors(run),
        sandboxes=[(t.label, [sandboxes.cells(p) for p in t.rows]) for t in sandboxes.tables(run)],
        sandbox_heads=sandboxes.heads(), openloop=openloop,
        switches=[switches.cells(s) for s in switches.switches(run)], switch_heads=switches.HEADS,
        pairs=pairs.pairs(whole), base=pairs.base(whole), pair_margin=pairs.margin(whole),
        selfcheck=selfcheck_of(run), no_selfcheck=ABSENT,
        conformance=conformance.overview([run], [run.machine]),
        latency=_latency_rows(run), throughput=run.of_kind("throughput"),
        memory=run.of_kind("memory"), model=model_of(run), factors=FACTORS, r_squared=r_squared,
        noise_told=noise.told(whole), again=noise.again(whole),
        facts=_facts(run), calibration=_calibration(run))
