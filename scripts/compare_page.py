# SPDX-License-Identifier: MIT
"""A comparison as one page: no network, no script; the forest plot, then every figure."""

from __future__ import annotations

import forest
import palette
import svg
import units
from compare_tables import (Table, answer, change_table, counted, machine_line, machines, notes,
                            plan_lines, sides, table, tables)
from comparison import REGRESSION, Comparison
from page import unbroken
from template import template


def _rest(comparison: Comparison) -> list[Table]:
    """Every figure that does not decide."""
    judged = [c for c in comparison.cells if c.judged and not c.family]
    once = [c for c in comparison.cells if not c.judged]
    return [t for t in (
        table(comparison, f"All {len(judged)} that were judged alone", judged),
        table(comparison, f"All {len(once)} that are told once a run", once)) if t.rows]


def page(comparison: Comparison) -> str:
    """The whole document."""
    with units.counting(comparison.base.clock):
        return _page(comparison)


def _page(comparison: Comparison) -> str:
    drawing = svg.element(forest.draw(comparison), "forest", forest.said(comparison)) \
        if comparison.family else None
    news = comparison.against
    title = f"spawnmark: {', '.join(a.label for a in news)} ÷ {comparison.base_label}"
    return template("compare.html", palette=palette.css()).render(
        title=title, comparison=comparison, answer=unbroken(answer(comparison)),
        alarm=comparison.exit == REGRESSION, sides=sides(comparison), drawing=drawing,
        machine_line=machine_line(comparison), machines=machines(comparison),
        plan=plan_lines(comparison), tables=tables(comparison, False), rest=_rest(comparison),
        changes=change_table(comparison), notes=notes(comparison),
        counts=counted(comparison.counts(comparison.family)))
