# SPDX-License-Identifier: MIT
"""What a page begins with: which strategy, by how much, at what price, in a line and four cards."""

from __future__ import annotations

from dataclasses import dataclass

import units
from derive import Group, Row, attacker, control_failed, groups, winner
from runfile import Run
from sentence import WHO, rivals, sentence


@dataclass(frozen=True)
class Card:
    """A question, its answer in large type, and what else belongs to it."""

    question: str
    answer: str
    more: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """line: the heading. whole: the same sentence that the summary opens with."""

    line: str
    cards: tuple[Card, ...]
    whole: str


def answer(run: Run) -> Answer:
    """Of the first group; a run without latencies has the sentence alone."""
    group = next(iter(groups(run)), None)
    row = winner(group) if group else None
    whole = sentence(run)
    if group is None or row is None or row.ready is None:
        return Answer(whole, (), "")
    cards = (_which(group, row), _how_much(row), _price(group, row), _isolation(run, row))
    return Answer(_line(group, row), cards, whole)


def _line(group: Group, row: Row) -> str:
    ready, gain = row.ready, row.vs_popen
    assert ready
    said = f"{row.case.variant} has {group.label} ready in {units.time(ready.p50)}"
    if gain is None or row.case.strategy == "popen":
        return said
    if gain.low <= 1 <= gain.high:
        return f"{said}, as {'many' if units.instructions() else 'soon'} as popen"
    word = units.sooner()
    return (f"{said}, {units.digits(gain.value)} × {word} than popen" if gain.value > 1 else
            f"{said}, popen {units.digits(1 / gain.value)} × {word}")


def _which(group: Group, row: Row) -> Card:
    more = [row.case.raw["summary"]] if row.case.raw["summary"] else []
    more += rivals(group, row)
    return Card("Which strategy", row.case.variant, tuple(more))


def _how_much(row: Row) -> Card:
    assert row.ready
    more = [f"ready in {units.time(row.ready.p50, row.ready.ci)}"]
    if row.worked:
        gain = (f", {units.times(row.worked_vs_popen)} {units.sooner()}"
                if row.worked_vs_popen else "")
        more.append(f"first work done after {units.time(row.worked.p50, row.worked.ci)}{gain}")
    if row.vs_popen is None or row.case.strategy == "popen":
        return Card("By how much", units.time(row.ready.p50), tuple(more))
    return Card(f"By how much {units.sooner()} than popen", units.times(row.vs_popen), tuple(more))


def _price(group: Group, row: Row) -> Card:
    more = []
    if row.rate:
        about = "" if row.rate.measured else "about "
        more.append(f"{about}{units.number(row.rate.value, row.rate.ci)} children per "
                    f"{units.cpu()}")
    if row.idle is not None:
        more.append(f"{units.size(row.idle)} for each child that waits")
    if row.pss is None:
        return Card("At what price", "not measured", tuple(more))
    more.insert(0, f"PSS per child after its work, {group.alive} alive")
    return Card("At what price", units.size(row.pss), tuple(more))


def _isolation(run: Run, row: Row) -> Card:
    more = []
    if row.reachable:
        who = WHO.get(attacker(run) or "", "an attacker")
        more.append(f"{units.share(row.reachable)} attacks reach another process, by {who}")
    if control_failed(run, row.case.payload):
        more.insert(0, "the control failed: fork was not seen to inherit")
        return Card("How isolated", "unknown", tuple(more))
    if row.inherited is None:
        return Card("How isolated", "not measured", tuple(more))
    more.insert(0, "secrets of the parent inherited")
    return Card("How isolated", units.share(row.inherited), tuple(more))
