# SPDX-License-Identifier: MIT
"""A run on one screen: at most 100 columns and 45 lines of plain text."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

import figures
import noise
import openloop
import sandboxes
import switches
import units
from claims import claims
from derive import Group, Row, attacker, groups, leaks
from runfile import Metric, Run
from sentence import sentence
from tables import isolation_lines, memory_lines, model_lines, scale_lines, throughput_lines
from verdict import MET, NOT_MEASURED, NOT_MET, RECORDED

WIDTH, HEIGHT = 100, 45
#: Marks a row; the second where there is no room, and a note tells.
UNSAFE, UNSAFE_SHORT = " <- unsafe", " !"
#: A table whose slowest time is so many times its fastest has no unit of its own.
APART = 5000
#: Claims are told of runs that have one of these: of another's calibration alone they are not.
SCENARIOS_OF_CLAIMS = ("startup", "small", "throughput", "sandbox", "soak")
#: The least width of each column; one that holds more is wider.
WIDTHS = (12, 18, 18, 6, 6, 7, 6, 10, 6)
HEAD = (("", "ready p50", "worked p50", "×", "×", "child/", "PSS", "secrets", "reach"),
        ("strategy", "{unit}[95 %]", "{unit}[95 %]", "popen", "floor", "{cpu}", "MB",
         "inherited", "able"))


def wrap(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_long_words=True) or [""]


def _told(line: str | None) -> list[str]:
    return wrap(line) if line else []


def clip(line: str) -> str:
    return line if len(line) <= WIDTH else line[:WIDTH - 1] + "…"


def _title(group: Group) -> str:
    run = group.run
    cpus = run.raw["context"]["num_cpus"]
    kernel = ".".join(run.environment["kernel"].split("-")[0].split(".")[:2])
    parts = [group.title, f"Linux {kernel}", f"{cpus} CPUs", group.samples()]
    if group.floor:
        parts.append(f"floor {units.time(group.floor[0])} ({group.floor[1]} image)")
    return " · ".join(parts)


def _unit(group: Group) -> tuple[str, float] | None:
    """One unit per table, the fastest strategy's; None: each cell its own, so far apart are they."""
    values = [m.p50 for r in group.rows for m in (r.ready, r.worked) if m]
    if values and max(values) > APART * min(values):
        return None
    return units.time_unit(min(values)) if values else (units.nano(), 1.0)


def _timed(m: Metric | None, unit: tuple[str, float] | None) -> str:
    if m is None:
        return units.NOTHING
    return units.in_unit(m.p50, m.ci, unit[1]) if unit else units.cell(m.p50, m.ci)


def _fraction(part: tuple[int, int] | None) -> str:
    return units.NOTHING if part is None else f"{part[0]}/{part[1]}"


def _cells(row: Row, unit: tuple[str, float] | None) -> tuple[str, ...]:
    rate = row.rate
    return (
        row.case.variant[:13], _timed(row.ready, unit), _timed(row.worked, unit),
        units.digits(row.vs_popen.value) if row.vs_popen else units.NOTHING,
        units.digits(row.vs_floor.value) if row.vs_floor else units.NOTHING,
        ("" if rate.measured else "~") + units.digits(rate.value) if rate else units.NOTHING,
        units.digits(row.pss / 1e6, 2 if row.pss < 1e6 else 3) if row.pss is not None
        else units.NOTHING,
        _fraction(row.inherited), _fraction(row.reachable))


def columns(lines: list[tuple[str, ...]]) -> list[str]:
    """Lines of cells as text: the first to the left, the rest to the right, a blank between."""
    width = [max(least, *(len(line[i]) + (i > 0) for line in lines))
             for i, least in enumerate(WIDTHS)]
    return [line[0].ljust(width[0]) + "".join(c.rjust(w) for c, w in zip(line[1:], width[1:]))
            for line in lines]


def _group_lines(group: Group) -> list[str]:
    """A failed case is a row as well: it must not vanish from the table."""
    unit = _unit(group)
    told = f"{unit[0]} " if unit else f"{units.INSTRUCTIONS} " if units.instructions() else ""
    told = told.replace(units.INSTRUCTIONS, "instr")
    head = [tuple(c.format(unit=told, cpu=units.cpu_short()) for c in names) for names in HEAD]
    good = [row for row in group.rows if row.ready]
    made = columns([*head, *(_cells(row, unit) for row in good)])
    text = {row.case.name: line for row, line in zip(good, made[len(head):])}
    lines = made[:len(head)]
    for row in group.rows:
        failed = f"{row.case.variant[:13]:<12}  {row.case.status}: no sample"
        mark = UNSAFE if row.unsafe and row.ready else ""
        lines.append(text.get(row.case.name, failed) + mark)
    if max(map(len, lines)) > WIDTH:
        lines = [line.replace(UNSAFE, UNSAFE_SHORT) for line in lines]
    return ["", *wrap(_title(group)), *map(clip, lines)]


def _notes(run: Run, found: list[Group]) -> list[str]:
    """What the columns mean, as far as they are filled."""
    rows = [r for g in found for r in g.rows]
    short = any(line.endswith(UNSAFE_SHORT) for g in found for line in _group_lines(g))
    said = [*(["!: unsafe"] if short else []), "× popen: of ready, by block",
            "× floor: entered ÷ raw clone of the image, by block"]
    if any(r.rate and not r.rate.measured for r in rows):
        said.append("~: 1 ÷ CPU per child, one at a time")
    if any(r.rate and r.rate.measured for r in rows):
        said.append(f"child/{units.cpu_short()}: best on 1 CPU")
    alive = ", ".join(f"{g.alive} alive ({g.payload})" for g in found if g.alive)
    if alive:
        said.append(f"PSS: worked, {alive}")
    waiting = [f"{r.case.variant} {r.case.payload} {units.size(r.idle)}" for r in rows
               if r.idle is not None]
    if waiting:
        said.append(f"PSS of each idle child: {', '.join(waiting)}")
    if run.isolation:
        said.append(f"inherited: of the parent's; attacker: {attacker(run)}; reachable: fewer "
                    "cells without a server")
    said += [*_others(rows), *_sandboxed(run)]
    return wrap("; ".join(said))


def _others(rows: list[Row]) -> list[str]:
    """Which strategies hand on what belongs to other children."""
    found = {f"{r.case.strategy} {r.case.payload} {units.share(r.others)}": None
             for r in rows if r.others and r.others[0]}
    return [f"other children's secrets inherited: {', '.join(found)}"] if found else []


def _sandboxed(run: Run) -> list[str]:
    """What children in a sandbox still reach."""
    found = dict.fromkeys((f["sandbox"], f["strategy"], f["payload"]) for f in run.isolation
                          if f["sandbox"] != sandboxes.NONE)
    said: dict[str, list[str]] = {}
    for sandbox, strategy, payload in found:
        part = leaks(run, strategy, payload, "reachable", sandbox=sandbox)
        if part:
            said.setdefault(sandbox, []).append(f"{strategy} {payload} {units.share(part)}")
    return [f"reachable in {sandbox} by {attacker(run, sandbox)}: {', '.join(parts)}"
            for sandbox, parts in said.items()]


def _claim_lines(run: Run) -> list[str]:
    """A line for each that does not simply hold; those that do, and what was not measured, in one.

    The whole table is in summary.md and on the page.
    """
    made = claims(run)
    seen = [c for c in made if c.verdict != NOT_MEASURED]
    if not seen or not any(c.scenario in SCENARIOS_OF_CLAIMS for c in run.cases):
        return []
    told = [c for c in seen if c.verdict not in (MET, RECORDED)]
    marks = ["NOT MET" if c.verdict == NOT_MET else c.verdict for c in told]
    lines = ["", *(clip(f"{m:<7} {c.text} {c.bound}: {c.shown}") for m, c in zip(marks, told))]
    met = sum(c.verdict == MET for c in made)
    lines.append(f"claims: {met} of {len(made)} met, {len(told)} told above, "
                 f"{len(made) - len(seen)} not measured in this run; each is in summary.md")
    return lines


def _end_of(prefix: str, text: str) -> str:
    """One line; what does not fit is left out of the text's beginning: its end names the cause."""
    room = WIDTH - len(prefix)
    return prefix + (text if len(text) <= room else "… " + text[2 - room:].lstrip())


@dataclass(frozen=True)
class Trouble:
    """What several cases failed of, wholly or partly, or why this machine cannot measure them."""

    status: str
    stage: str
    text: str
    cases: tuple[str, ...]
    times: int

    @property
    def said(self) -> str:
        return f"{self.text} ({self.times} times)" if self.times > 1 else self.text

    def where(self, most: int) -> str:
        """The first cases' names."""
        names = ", ".join(self.cases[:most])
        left = len(self.cases) - most
        return (f"{names}{f' and {left} more' if left > 0 else ''} {self.status}"
                f"{f' at {self.stage}' if self.stage else ''}")


def troubles(run: Run) -> list[Trouble]:
    """In the order of the cases."""
    found: dict[tuple[str, str, str], dict[str, int]] = {}
    for case in run.cases:
        for e in case.errors:
            cases = found.setdefault((case.status, e["stage"], e["text"]), {})
            cases[case.name] = cases.get(case.name, 0) + e["count"]
        if case.status == "failed" and not case.errors:
            found.setdefault((case.status, "", ""), {})[case.name] = 1
    return [Trouble(*key, tuple(cases), sum(cases.values())) for key, cases in found.items()]


def error_lines(run: Run) -> list[str]:
    """For a screen: a line each, two where the reason does not fit beside the name."""
    lines = []
    for t in troubles(run):
        where = f"! {t.where(1)}"
        if not t.text:
            lines.append(clip(where))
        elif len(where) + 2 + len(t.said) <= WIDTH:
            lines.append(f"{where}: {t.said}")
        else:
            lines += [clip(f"{where}:"), _end_of("  ", t.said)]
    return lines


def full_errors(run: Run) -> list[str]:
    """For a page: nothing is left out."""
    return [t.where(len(t.cases)) + (f": {t.said}" if t.text else "") for t in troubles(run)]


def incomplete_lines(run: Run) -> list[str]:
    if run.incomplete is None:
        return []
    i = run.incomplete
    return wrap(f"INCOMPLETE ({i['reason']}): {i['blocks_done']} of {i['blocks_planned']} blocks; "
                "what follows is of these alone.")


def _without_headline(run: Run, room: int) -> list[str]:
    """Tables of what there is, each with its part of the room; the shortest first."""
    parts = [part(run) for part in (throughput_lines, memory_lines, isolation_lines, scale_lines,
                                    sandboxes.lines, openloop.capacity_lines,
                                    openloop.open_lines, switches.lines, model_lines)]
    parts = sorted((["", *map(clip, part)] for part in parts if part), key=len)
    lines: list[str] = []
    for i, part in enumerate(parts):
        lines += _fit(part, (room - len(lines)) // (len(parts) - i))
    return lines


def _fit(lines: list[str], room: int) -> list[str]:
    if len(lines) <= room:
        return lines
    kept = lines[:max(0, room - 1)]
    return [*kept, f"… {len(lines) - len(kept)} more lines in report.html"] if room > 0 else []


def summary(run: Run) -> str:
    """The whole screen. Answer, claims and errors come before further tables if room is short."""
    with units.counting(run.clock):
        return _summary(run)


def _summary(run: Run) -> str:
    found = groups(run)
    first = [*incomplete_lines(run), *wrap(sentence(run)), *_told(units.warning())]
    tail = [*(_notes(run, found) if found else []), *_told(noise.line(run)), *_claim_lines(run)]
    errors = _fit(["", *error_lines(run)], 8) if error_lines(run) else []
    room = HEIGHT - len(first) - len(tail) - len(errors)
    body = _fit(_group_lines(found[0]), room) if found else _without_headline(run, room)
    for group in found[1:]:
        more = _group_lines(group)
        if len(first) + len(body) + len(more) + len(tail) + len(errors) > HEIGHT:
            continue
        body += more
    more = ["", *map(clip, model_lines(run))] if found else []
    if len(more) > 1 and len(first) + len(body) + len(more) + len(tail) + len(errors) <= HEIGHT:
        body += more
    return "\n".join([*first, *body, *tail, *errors]) + "\n"


def _claim_table(run: Run) -> str:
    made = claims(run) if run.cases else []
    return f"\n## What was promised\n\n{figures.markdown(made)}" if made else ""


def markdown(run: Run) -> str:
    """summary.md: the sentence as text, the screen as it is."""
    with units.counting(run.clock):
        return _markdown(run)


def _markdown(run: Run) -> str:
    screen = _summary(run)
    return (f"# spawnmark: {run.machine}\n\n{sentence(run)}\n\n```text\n{screen}```\n"
            f"{_claim_table(run)}{switches.markdown(run)}{sandboxes.markdown(run)}"
            f"{openloop.markdown(run)}\n"
            f"From `{run.source}`, seed {run.mark['seed']}, fingerprint "
            f"`{run.mark['fingerprint']}`, {run.raw['context']['date']}.\n")
