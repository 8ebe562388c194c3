# SPDX-License-Identifier: MIT
"""What a comparison says, in sentences and tables: for terminal, Markdown and page alike."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import units
from compared import Compared
from comparison import BETWEEN_RUNS, GOOD, REGRESSION, Against, Comparison
from failon import Found
from loaded import CROWD, SHARED
from runfile import Run
from verdicts import EQUIVALENT, FASTER, INCONCLUSIVE, SLOWER

#: A figure without a verdict is told when it differs by more.
WORTH_TELLING = 0.05
NAMED = 3  # of a list in a sentence
NOISE = (f"{INCONCLUSIVE}, noise k/n: k of n blocks, more than half, were over a bound of noise "
         f"(the run's own, or more than {CROWD:g} tasks of others ready to run per CPU); only what "
         f"differs by more than a factor of {SHARED:g} is told then. `spawnmark doctor` names what "
         "makes a machine noisy.")


@dataclass(frozen=True)
class Table:
    """text: so many columns, from the left, are words."""

    title: str
    head: list[str]
    rows: list[list[str]]
    text: int
    note: str = ""
    left_out: int = 0
    words: tuple[str, ...] = ()  # of each row the verdict, where it has one


def value(c: Compared, side: float) -> str:
    if c.unit == "ns":
        return units.cell(side)
    return units.size(side) if c.unit == "bytes" else f"{units.number(side)}/s"


def ratio(c: Compared) -> str:
    """'1.102 [1.080, 1.124]'."""
    v = c.verdict
    if v.ratio is None:
        return units.NOTHING
    text = f"{v.ratio:.3f}" if v.ratio < 10 else units.digits(v.ratio)
    ci = (v.low, v.high) if v.low is not None and v.high is not None else None
    return text + units.bounds(text, ci, 1.0)


def blocks(c: Compared) -> str:
    v = c.verdict
    return str(v.n_new) if v.n_base == v.n_new else f"{v.n_base}, {v.n_new}"


def word(c: Compared) -> str:
    """'inconclusive, +12'."""
    if not c.judged:
        return units.NOTHING
    v = c.verdict
    if v.word != INCONCLUSIVE:
        return units.verdict(v.word)
    if v.noise:
        return f"{v.word}, noise {v.noise.over}/{v.noise.blocks}"
    return f"{v.word}, +{v.more_blocks}" if v.more_blocks else v.word


def _cell(c: Compared | None) -> list[str]:
    """Of one new run where there are several."""
    if c is None:
        return [units.NOTHING] * 2
    return [f"{value(c, c.new)} · {ratio(c)}", word(c)]


def table(comparison: Comparison, title: str, cells: list[Compared], note: str = "",
          most: int | None = None) -> Table:
    """A row per case and metric; the first `most` of them."""
    rows = comparison.rows(cells)
    shown = rows[:most]
    by_row = {row: comparison.against_all(*row) for row in shown}
    first = {row: next(c for c in found if c) for row, found in by_row.items()}
    base = [[case, metric, value(first[case, metric], first[case, metric].base)]
            for case, metric in shown]
    if len(comparison.against) == 1:
        head = ["case", "metric", "base", "new", "ratio [95 %]", "blocks", "verdict"]
        lines = [[*b, value(c, c.new), ratio(c), blocks(c), word(c)]
                 for b, c in zip(base, first.values())]
    else:
        head = ["case", "metric", "base"]
        for a in comparison.against:
            head += [f"{a.label} · ratio [95 %]", "verdict"]
        lines = [[*b, *(x for c in found for x in _cell(c))]
                 for b, found in zip(base, by_row.values())]
    words = tuple(c.verdict.word for c in first.values())
    return Table(title, head, lines, 2, note, len(rows) - len(shown), words)


def _severity(c: Compared) -> float:
    """The largest loss first, the largest gain last."""
    loss = c.loss[0]
    return -log(loss) if loss else 0.0


def told_cells(comparison: Comparison) -> list[Compared]:
    """Judged, but of no family: those that differ, the worst first."""
    found = [c for c in comparison.cells
             if c.judged and not c.family and c.verdict.word in (SLOWER, FASTER)]
    return sorted(found, key=_severity)


def once_cells(comparison: Comparison) -> list[Compared]:
    """What is told once a run, where it differs by much."""
    return [c for c in comparison.cells if not c.judged and c.verdict.ratio
            and abs(log(c.verdict.ratio)) > log(1 + WORTH_TELLING)]


def counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{n} {units.verdict(w)}" for w, n in counts.items()) or "none"


def _named(comparison: Comparison, cells: list[Compared]) -> str:
    """'startup/zygote/none ready 1.102 × [1.080, 1.124] and 3 more'."""
    several = len(comparison.against) > 1
    said = [f"{f'{comparison.against[c.new_run].label}: ' if several else ''}{c.case} {c.metric} "
            f"{ratio(c).replace(' [', ' × [', 1)}" for c in cells[:NAMED]]
    more = f" and {len(cells) - NAMED} more" if len(cells) > NAMED else ""
    return ", ".join(said) + more


def _asked(comparison: Comparison) -> str:
    """'24 of the 40 primary figures' and which they are."""
    n = len({id(c) for c, _, _ in comparison.decided})
    if comparison.rules:
        return f"{n} figures that {', '.join(repr(r.text) for r in comparison.rules)} asks for"
    return f"{n} primary figures (ready and worked of every strategy)"


def _cells(n: int) -> str:
    return "1 cell" if n == 1 else f"{n} cells"


def _worse(comparison: Comparison) -> str:
    named = "; ".join(str(c) for c in comparison.worse[:NAMED])
    more = len(comparison.worse) - NAMED
    return f"{_cells(len(comparison.worse))} worse: {named}{f' and {more} more' if more > 0 else ''}"


def answer(comparison: Comparison) -> str:
    """The first line: is it slower?"""
    bad, unknown = comparison.found(Found.BAD), comparison.found(Found.UNKNOWN)
    if comparison.exit == REGRESSION:
        named = _named(comparison, sorted(bad, key=_severity))
        parts = [f"{len(bad)} of the {_asked(comparison)} {_slower()}: {named}"] if bad else []
        if comparison.worse:
            parts.append(_worse(comparison))
        return f"REGRESSION: {'; '.join(parts)}."
    if comparison.same:
        return (f"THE SAME RUN: {', '.join(a.label for a in comparison.against)} and "
                f"{comparison.base_label} have one content; it was measured once, so there is "
                "nothing to tell apart.")
    if not comparison.decided:
        return "UNDECIDED: no ready or worked in common; --fail-on says what else is to decide." \
            if comparison.exit else "No cell is worse; there are no figures to decide."
    if comparison.exit == GOOD:
        gains = [c for c in comparison.family if c.verdict.word == FASTER]
        named = _named(comparison, sorted(gains, key=_severity)[::-1])
        faster = f"; {_faster()}: {named}" if gains else ""
        return f"No regression in the {_asked(comparison)}{faster}."
    return (f"UNDECIDED: {len(unknown)} of the {_asked(comparison)} may {_be_slower()} or not: "
            f"{_why(unknown)}.")


def _why(unknown: list[Compared]) -> str:
    """Noise, which is mended first, and few blocks."""
    loaded = [c for c in unknown if c.verdict.noise]
    few = [c for c in unknown if not c.verdict.noise]
    said = [f"most blocks of {len(loaded)} were disturbed by other work on the machine; "
            "`spawnmark doctor` names it, and the command that would help"] if loaded else []
    if few:
        of = f" of {len(few)}" if loaded else ""
        said.append(f"there are too few blocks{of} to tell{_enough(few)}")
    return "; ".join(said)


def _slower() -> str:
    return "take more instructions" if units.instructions() else SLOWER


def _be_slower() -> str:
    return _slower() if units.instructions() else f"be {SLOWER}"


def _faster() -> str:
    return "fewer instructions" if units.instructions() else FASTER


def _enough(unknown: list[Compared]) -> str:
    wanted = [c.verdict.more_blocks for c in unknown]
    known = [w for w in wanted if w is not None]
    if len(known) < len(wanted) or not known:
        return "; more blocks alone would not settle it for all"
    return f"; about {max(known)} more blocks would settle the last of them"


def about(label: str, run: Run) -> str:
    """'a: vm, Linux 6.18.44, 2026-11-26, spawnmark 0.1.0 (76d5e6e)'."""
    commit = f" ({run.mark['commit'][:12]})" if run.mark["commit"] else ""
    quick = ", quick run" if run.mark["quick"] else ""
    part = ", INCOMPLETE" if run.incomplete else ""
    return (f"{label}: {run.machine}, {run.raw['context']['date'][:16].replace('T', ' ')}, "
            f"spawnmark {run.mark['version']}{commit}{quick}{part}")


def counted_line() -> list[str]:
    """What all figures are, where they are not times."""
    return [said] if (said := units.warning()) else []


def sides(comparison: Comparison) -> list[str]:
    """What is compared, a line each."""
    if not comparison.paired:
        new = ["new: "] if len(comparison.against) == 1 else [""] * len(comparison.against)
        return [*counted_line(), about(f"base: {comparison.base_label}", comparison.base),
                *(about(f"{n}{a.label}", a.run) + (", the same run as the base" if a.same else "")
                  for n, a in zip(new, comparison.against))]
    told = comparison.base.baseline or {}
    extra = [f"{k} {' '.join(told[k])}" for k in ("set", "env", "hosts") if told.get(k)]
    return [*counted_line(), about("new", comparison.base),
            f"base: {told.get('command', units.NOTHING)}, spawnmark "
            f"{told.get('version', units.NOTHING)}{''.join(f', {e}' for e in extra)}"]


def machines(comparison: Comparison) -> Table | None:
    """None: nothing differs."""
    if not comparison.machines:
        return None
    new = ["new"] if len(comparison.against) == 1 else [a.label for a in comparison.against]
    return Table("What differs", ["", "base", *new],
                 [[d.name, *d.values] for d in comparison.machines], 2 + len(new))


def machine_line(comparison: Comparison) -> str:
    if comparison.paired:
        return "One run, by turns: the same machine, and pairs of blocks."
    runs = [comparison.base, *(a.run for a in comparison.against)]
    prints = list(dict.fromkeys(run.mark["fingerprint"] for run in runs))
    if len(prints) > 1:
        return f"Fingerprints: {' ≠ '.join(prints)}: not the same machine or settings."
    return f"Fingerprint: {prints[0]}, the same."


def plan_lines(comparison: Comparison) -> list[str]:
    """Unlike settings first, and what only one of them has."""
    lines = []
    for a in comparison.against:
        where = f"{a.label}: " if len(comparison.against) > 1 else ""
        lines += [f"{where}{'UNLIKE' if d.unlike else 'differs'} {d}"
                  for d in sorted(a.plan, key=lambda d: not d.unlike)]
        lines += [f"{where}{line}" for line in _alone(comparison, a)]
    if comparison.unlike:
        lines.insert(0, "Unlike plans, compared by force: a ratio may be the plan's.")
    return lines


def _alone(comparison: Comparison, a: Against) -> list[str]:
    return [f"{len(names)} cases of {label} alone: {', '.join(names[:NAMED])}"
            f"{' …' if len(names) > NAMED else ''}"
            for names, label in zip(a.alone, (comparison.base_label, a.label)) if names]


def _margins(comparison: Comparison) -> str:
    """'margin: 2 %'; those of several metrics by name."""
    used = sorted({(c.metric.partition(" ")[0], c.margin) for c in comparison.family})
    alike = len({m for _, m in used}) == 1
    told = [f"{100 * m:.3g} %" if alike else f"{n} {100 * m:.3g} %" for n, m in used]
    said = ", ".join(dict.fromkeys(told)) or units.NOTHING
    return f"margin: {said}: {comparison.margins.source}."


def notes(comparison: Comparison) -> list[str]:
    """How to read it; nothing where there are no figures."""
    if not any(c.judged for c in comparison.cells):
        return []
    how = "the median of the pairs' ratios" if comparison.paired else \
        "from medians of block medians"
    n = len(comparison.family)
    lines = [
        f"ratio: new ÷ base, {how}; interval: a bootstrap's with Student's t, 95 % for each, seed "
        f"{comparison.seed}.",
        f"{units.verdict(SLOWER)}, {units.verdict(FASTER)}: surely other than 1 (Holm over the "
        f"p-values of these {n} together, 5 %), and by more than the margin; {EQUIVALENT}: the whole "
        "interval within the margin; "
        f"{INCONCLUSIVE}, +k: about k more blocks on each side would settle it.",
        _margins(comparison)]
    if any(c.verdict.noise for c in comparison.cells):
        lines.append(NOISE)
    return lines if comparison.paired or comparison.same else [*lines, BETWEEN_RUNS]


def told_line(comparison: Comparison) -> str:
    """About all cells that decide nothing."""
    others = [c for c in comparison.cells if c.judged and not c.family]
    return (f"{len(others)} other figures, each judged alone, so that 5 of 100 may be wrong: "
            f"{counted(comparison.counts(others))}")


def tables(comparison: Comparison, everything: bool) -> list[Table]:
    """The family; what else differs, or all else; what is told once a run."""
    most = None if everything else 20
    family = table(comparison, f"{counted(comparison.counts(comparison.family))} "
                   f"of {len(comparison.family)} that decide", comparison.family)
    others = [c for c in comparison.cells if c.judged and not c.family] if everything \
        else told_cells(comparison)
    once = [c for c in comparison.cells if not c.judged] if everything else once_cells(comparison)
    found = [
        family, table(comparison, told_line(comparison), others, most=most),
        table(comparison, "Told once a run, without a verdict" + (
            "" if everything else f": those that differ by more than {WORTH_TELLING:.0%}"
            .replace("%", " %")), once, most=most)]
    judged = any(c.judged for c in comparison.cells)
    return [t for t in found if t.rows or (judged and t is found[1])]


def change_table(comparison: Comparison) -> Table | None:
    """Cells of isolation and conformance, and cases, that are not as they were."""
    several = len(comparison.against) > 1
    rows = [[*([a.label] if several else []), "WORSE" if c.worse else "news", c.kind, c.what,
             c.base, c.new, c.evidence] for a in comparison.against for c in a.changes]
    if not rows:
        return None
    head = [*(["run"] if several else []), "", "of", "cell", "was", "is", "evidence"]
    return Table(f"{_cells(len(rows))} of isolation, conformance or a case's end changed", head,
                 rows, len(head))
