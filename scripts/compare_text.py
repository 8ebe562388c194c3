# SPDX-License-Identifier: MIT
"""A comparison for a terminal, and as Markdown."""

from __future__ import annotations

import textwrap

import units
from compare_tables import (Table, answer, change_table, machine_line, machines, notes, plan_lines,
                            sides, tables)
from comparison import Comparison

WIDTH = 100
GAP = "  "
#: No column of a terminal's table is wider; what is cut is in the other formats.
WIDEST = 44
CHANGES = 20


def _wrapped(text: str, indent: str = "  ") -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_on_hyphens=False) or [""]


def _cut(text: str) -> str:
    """Beginning and end: a name's strategy and its last parameter."""
    text, half = " ".join(text.split()), WIDEST // 2
    return text if len(text) <= WIDEST else f"{text[:half - 1]}…{text[-half:]}"


def _lines(table: Table, most: int | None = None) -> list[str]:
    """The title, and the columns: words to the left, figures to the right."""
    rows = table.rows[:most]
    cut = [[_cut(x) for x in line] for line in (table.head, *rows)]
    wide = [max(map(len, column)) for column in zip(*cut)]
    left = [i for i, h in enumerate(table.head) if i < table.text or h == "verdict"]
    lines = [GAP.join(x.ljust(w) if i in left else x.rjust(w)
                      for i, (x, w) in enumerate(zip(line, wide))).rstrip() for line in cut]
    missing = table.left_out + len(table.rows) - len(rows)
    if missing:
        lines.append(f"… {missing} more with --all")
    return ["", *_wrapped(table.title), *(lines if table.rows else [])]


def terminal(comparison: Comparison, everything: bool) -> str:
    """The answer, what is compared, what differs, the figures, how to read them."""
    with units.counting(comparison.base.clock):
        return _terminal(comparison, everything)


def _terminal(comparison: Comparison, everything: bool) -> str:
    lines = [*_wrapped(answer(comparison)), ""]
    lines += [x for side in sides(comparison) for x in _wrapped(side)]
    lines += _wrapped(machine_line(comparison))
    found = machines(comparison)
    lines += [f"  {line}" for line in _lines(found)[2:]] if found else []
    lines += [x for line in plan_lines(comparison) for x in _wrapped(line)]
    for table in tables(comparison, everything):
        lines += _lines(table)
    changed = change_table(comparison)
    if changed:
        lines += [x if everything else x[:WIDTH]
                  for x in _lines(changed, None if everything else CHANGES)]
    return "\n".join([*lines, "", *(x for n in notes(comparison) for x in _wrapped(n))]) + "\n"


def _escaped(text: str) -> str:
    """Text that Markdown would take for its own."""
    made = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    for sign in "\\|*_`[]~":
        made = made.replace(sign, "\\" + sign)
    return made


def _markdown(table: Table) -> list[str]:
    if not table.rows:
        return ["", _escaped(table.title)]
    rule = ["---" if i < table.text or h == "verdict" else "--:"
            for i, h in enumerate(table.head)]
    lines = [f"| {' | '.join(line)} |" for line in
             ([_escaped(h) or " " for h in table.head], rule,
              *([_escaped(x) or " " for x in row] for row in table.rows))]
    missing = [f"\n… {table.left_out} more with `--all`"] if table.left_out else []
    return ["", f"### {_escaped(table.title)}", "", *lines, *missing]


def markdown(comparison: Comparison, everything: bool) -> str:
    """For a pull request or a mail."""
    with units.counting(comparison.base.clock):
        return _whole_markdown(comparison, everything)


def _whole_markdown(comparison: Comparison, everything: bool) -> str:
    lines = [f"**{_escaped(answer(comparison))}**", ""]
    lines += [f"- {_escaped(x)}" for x in (*sides(comparison), machine_line(comparison),
                                           *plan_lines(comparison))]
    extra = [t for t in (machines(comparison), change_table(comparison)) if t]
    for table in (*extra[:1], *tables(comparison, everything), *extra[1:]):
        lines += _markdown(table)
    return "\n".join([*lines, "", *(f"- {_escaped(n)}" for n in notes(comparison))]) + "\n"
