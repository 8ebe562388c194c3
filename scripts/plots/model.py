# SPDX-License-Identifier: MIT
"""What `ready` grows by, factor by factor: measured points and the fitted line through them."""

from __future__ import annotations

from pathlib import Path

import units
from model import FACTORS, Factor, Fit, Model, Point, model_of
from plots import style
from runfile import Run

METRIC = "ready"


def _line(model: Model, factor: Factor) -> dict[str, list[Point]]:
    """Strategy → the points that sweep the factor, with the base point before them."""
    found = {}
    for strategy in model.strategies:
        fit = model.fits.get((strategy, METRIC))
        own = [p for p in model.points[strategy] if p.factor == factor.name]
        if fit is None or not own or not (fit.is_flat or factor.name in fit.names):
            continue
        base = min(model.points[strategy],
                   key=lambda p: sum(getattr(p.image, f.name) for f in FACTORS))
        points = own if base in own else [base, *own]
        found[strategy] = sorted(points, key=lambda p: getattr(p.image, factor.name))
    return found


def draw(run: Run, out: Path) -> str | None:
    """A panel per factor, linear on both axes: what the model says is a straight line."""
    model = model_of(run)
    panels = [(f, line) for f in FACTORS if model and (line := _line(model, f))]
    if model is None or not panels:
        return None
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    fig, axes = style.figure(rows, columns, (10.5, 3.4 * rows))
    places = [ax for row in axes for ax in row]
    for ax, (factor, line) in zip(places, panels):
        _panel(ax, model, factor, line)
    for ax in places[len(panels):]:
        ax.set_visible(False)
    handles = {h.get_label(): h for ax in places for h in ax.get_legend_handles_labels()[0]}
    fig.legend(handles.values(), handles.keys(), fontsize=8.5, loc="outside upper center",
               ncols=len(handles))
    cases = [p.case for points in model.points.values() for p in points]
    style.save(fig, run, out, "points: request → ready, median of block medians; lines: the fit "
               f"over all factors at once, at the points' images; {style.counts(cases)}")
    return "Price of the image. " + " ".join(dict.fromkeys(
        _say(f, model.fits[s, METRIC]) for f, line in panels for s in line))


def _panel(ax: style.Axes, model: Model, factor: Factor, line: dict[str, list[Point]]) -> None:
    most = max(p.value(METRIC) or 0 for points in line.values() for p in points)
    unit, scale = units.time_unit(most)
    for strategy, points in line.items():
        fit, shade = model.fits[strategy, METRIC], style.colour(strategy)
        at = [getattr(p.image, factor.name) for p in points]
        ax.plot(at, [(p.value(METRIC) or 0) / scale for p in points], color=shade, markersize=5,
                marker=style.marker(strategy), linestyle="none", label=strategy)
        ax.plot(at, [fit.at(p.image) / scale for p in points], color=shade, linewidth=1.4)
    ax.set(title=f"per {factor.unit}", xlabel=factor.label, ylabel=f"ready, {unit}")
    ax.set_ylim(bottom=0)


def _say(factor: Factor, fit: Fit) -> str:
    if fit.is_flat:
        a = fit.coefficients["a"]
        return f"{fit.strategy}: flat, {units.time(a.value, a.ci)}."
    est = fit.coefficients[factor.name]
    return f"{fit.strategy}: {units.time(est.value, est.ci)} per {factor.unit}."
