# SPDX-License-Identifier: MIT
"""One page of several runs: machines, every metric side by side, small multiples, conformance."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Any

import conformance
import drawing
import palette
import svg
import units
from kernels import reasons
from page import stacked, unbroken
from runfile import Case, Metric
from several import Fact, Line, Several, estimate_of, facts, leaked, machines, rates, sizes
from stats import Estimate
from summary import full_errors, incomplete_lines
from tables import aligned
from template import script, template
from verdicts import Verdict


WITHOUT = ("failed", "unavailable")


@dataclass(frozen=True)
class Cell:
    """A value, and its ratio to the first run."""

    value: str
    ratio: Estimate | None = None
    word: str = ""  # the verdict
    said: str = ""  # and as it is told


@dataclass(frozen=True)
class Table:
    """Strategies × runs of one metric."""

    title: str
    note: str
    rows: list[tuple[str, list[Cell]]]


def _latency(lines: tuple[Line, ...], name: str) -> list[tuple[str, list[Cell]]]:
    rows = []
    for line in lines:
        cells = [Cell(units.cell(m.p50, m.ci) if m else _missing(case), estimate_of(v),
                      v.word if v else "", units.verdict(v.word) if v else "")
                 for case, m, v in zip(line.cases, line.metrics(name), line.verdicts(name))]
        if any(line.metrics(name)):
            rows.append((_named(line.case), cells))
    return rows


def _missing(case: Case | None) -> str:
    """Of a case without that metric: why it has none, if the whole case has none."""
    return case.status if case and case.status in WITHOUT else units.NOTHING


def _named(case: Case) -> str:
    """The variant; where a heap is swept, with its units: 'fork, 16 MiB, thp'."""
    if "heap_mb" not in case.params:
        return case.variant
    extra = [case.params[k] for k in ("heap_pages",) if k in case.params]
    return ", ".join([case.strategy, f"{case.params['heap_mb']} MiB", *extra])


def _quotient(values: list[float | None]) -> list[Estimate | None]:
    """To the first; of what was measured once, so without an interval."""
    base = values[0]
    return [None, *(Estimate(v / base, None, 1) if v and base else None for v in values[1:])]


def _rates(lines: tuple[Line, ...], several: Several) -> list[tuple[str, list[Cell]]]:
    rows = []
    for line in lines:
        found = rates(line, several.runs)
        gains = _quotient([r.value if r else None for r in found])
        if any(found):
            rows.append((line.case.variant, [
                Cell(("" if r.measured else "~") + units.number(r.value, r.ci)
                     if r else units.NOTHING, est) for r, est in zip(found, gains)]))
    return rows


def _sizes(lines: tuple[Line, ...], several: Several) -> list[tuple[str, list[Cell]]]:
    rows = []
    for line in lines:
        found = sizes(line, several.runs)
        gains = _quotient([s[0] if s else None for s in found])
        alive = next((s[1] for s in found if s), None)
        if any(found):
            rows.append((f"{line.case.variant}, {alive} alive", [
                Cell(units.size(s[0]) if s else units.NOTHING, est)
                for s, est in zip(found, gains)]))
    return rows


def _leaked(lines: tuple[Line, ...], several: Several,
            kind: str) -> list[tuple[str, list[Cell]]]:
    """One row per strategy: isolation does not ask what a case's parameters were."""
    rows: dict[str, list[Cell]] = {}
    for line in lines:
        found = leaked(line, several.runs, kind)
        if any(found) and line.case.strategy not in rows:
            rows[line.case.strategy] = [Cell(units.share(f)) for f in found]
    return list(rows.items())


def _head(metric: str, note: str, rows: list[tuple[str, list[Cell]]]) -> Table:
    return Table(units.head(f"{metric}, p50 [95 %]"), note, rows)


def tables(several: Several) -> list[tuple[str, list[Table]]]:
    """By group of strategies; a metric that no run has is no table."""
    with units.counting(several.clock):
        return [(title, [t for t in each if t.rows])
                for title, each in (*_headline(several), *_swept(several))]


def _swept(several: Several) -> list[tuple[str, list[Table]]]:
    return [(family.title, [
        _head("ready", "request → ready", _latency(family.lines, "ready")),
        _head("reaped", "request → exit status collected", _latency(family.lines, "reaped"))])
        for family in several.swept]


def _headline(several: Several) -> list[tuple[str, list[Table]]]:
    made = []
    for family in several.families:
        of = family.lines
        each = [
            _head("ready", "request → ready", _latency(of, "ready")),
            _head("worked", "request → first work done", _latency(of, "worked")),
            Table(f"children per {units.cpu()}", "the best point on one CPU; ~: 1 ÷ CPU of one "
                  "child at a time; more is better", _rates(of, several)),
            Table("PSS per child", "after its work; measured once per run", _sizes(of, several)),
            Table("secrets of the parent inherited", "found of those looked for",
                  _leaked(of, several, "inherited")),
            Table("attacks that reach another process", "succeeded of those tried",
                  _leaked(of, several, "reachable"))]
        made.append((family.title, each))
    return made


def draw_all(several: Several, folder: Path) -> dict[str, str]:
    """Name → text alternative of every picture that there is data for."""
    from plots.several import plots_of  # matplotlib takes a second to load

    drawn = {}
    for part in several.clocks:
        with units.counting(part.clock):
            drawn |= drawing.draw_all(plots_of(part.clock), part, folder)
    return drawn


def _pictures(part: Several, folder: Path, drawn: dict[str, str]) -> list[dict[str, Any]]:
    if not drawn:
        return []
    from plots.several import plots_of

    return [{"name": p.name, "title": p.title, "reading": p.reading,
             "svg": svg.element((folder / f"{p.name}.svg").read_text(encoding="utf-8"), p.name,
                                drawn[p.name])} for p in plots_of(part.clock) if p.name in drawn]


def _part(part: Several, folder: Path, drawn: dict[str, str]) -> dict[str, Any]:
    """What is shown of the runs whose clocks count the same."""
    with units.counting(part.clock):
        return {"clock": part.clock, "warning": units.warning(), "several": part,
                "families": tables(part), "pictures": _pictures(part, folder, drawn)}


def _cards(several: Several) -> list[dict[str, Any]]:
    found = []
    for label, said in zip(several.labels, several.answers):
        found.append({"label": label, "cards": said.cards, "line": said.line})
    return found


def render(several: Several, plots: Path, drawn: dict[str, str]) -> str:
    """The whole document."""
    known: list[Fact] = facts(several)
    return template("nway.html", palette=palette.css(), script=script("report.js"), units=units,
                    unbroken=unbroken, stacked=stacked).render(
        several=several, machines=machines(several), cards=_cards(several), facts=known,
        incomplete=[f"{label}: {line}" for label, run in zip(several.labels, several.runs)
                    for line in incomplete_lines(run)],
        errors=[(label, found) for label, run in zip(several.labels, several.runs)
                if (found := full_errors(run))],
        parts=[_part(part, plots, drawn) for part in several.clocks],
        on_the_path=reasons.on_the_path([r.environment for r in several.runs]),
        conformance=conformance.overview(several.runs, several.labels))


def _said(part: Several) -> list[str]:
    with units.counting(part.clock):
        return [f"{part.sentence()}.", *([units.warning()] if units.warning() else [])]


def lines(several: Several) -> list[str]:
    """For the terminal: the sentence, and a line per run."""
    width = max(map(len, several.labels))
    said = [x for part in several.clocks for x in _said(part)]
    made = [*said, "",
            *(f"{i}: {label:<{width}}  {said.line}"
              for i, (label, said) in enumerate(zip(several.labels, several.answers), 1))]
    return [*made, *(x for part in several.clocks for x in _counts(part, several)),
            *_checks(several)]


def _counts(part: Several, several: Several) -> list[str]:
    """Strategies × kernels, where instructions are counted: `ready`, and the ratio to the first."""
    family = next(iter(part.families), None)
    if part.clock != units.INSTRUCTIONS or family is None or len(part.runs) < 2:
        return []
    head = ("ready", *(f"{several.labels.index(label) + 1}: instructions"
                       for label in part.labels))
    with units.counting(part.clock):
        rows = [(line.case.variant, *map(_count, line.cases, line.metrics("ready"),
                                         line.verdicts("ready")))
                for line in family.lines]
    return ["", *aligned([(first, *(f" {c}" for c in rest)) for first, *rest in (head, *rows)], 1)]


def _count(case: Case | None, m: Metric | None, v: Verdict | None) -> str:
    """'451 k 0.787 fewer'."""
    if m is None:
        return _missing(case)
    ratio = f" {units.digits(v.ratio)} {units.verdict(v.word)}" if v and v.ratio else ""
    return units.cell(m.p50) + ratio


def _checks(several: Several) -> list[str]:
    """What differs in conformance, and how much of it is explained."""
    found = conformance.overview(several.runs, several.labels)
    if found is None or not found.kernels:
        return []
    whole = [*found.changed, *found.features]
    names = [f"{e.change.what}{f' in {e.change.strategy}' if e.change.strategy else ''}"
             for e in whole if not e.whole]
    said = f"conformance: {len(whole)} differences between the kernels, {found.told} with a reason"
    return ["", *wrap(said + (f"; not explained: {', '.join(names)}" if names else ""),
                               100, subsequent_indent="  ", break_on_hyphens=False)]
