# SPDX-License-Identifier: MIT
"""Draws a table of pictures, two at a time: matplotlib takes most of a report's time."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Protocol

WORKERS = 2
FEWEST = 3  # pictures; for fewer a second process is not worth its start


class Plot(Protocol):
    """A row of plots.PLOTS or plots.several.PLOTS."""

    @property
    def name(self) -> str: ...

    @property
    def draw(self) -> Callable[[Any, Path], str | None]: ...


#: What the workers draw: inherited by fork, as a run is millions of objects to send.
_job: tuple[Sequence[Plot], Any, Path] | None = None


def _draw(i: int) -> str | None:
    assert _job
    plots, subject, folder = _job
    return plots[i].draw(subject, folder / plots[i].name)


def draw_all(plots: Sequence[Plot], subject: Any, folder: Path) -> dict[str, str]:
    """Every picture that the subject has data for: name → text alternative.

    Pictures of an earlier report that have no data any more are removed.
    """
    global _job
    folder.mkdir(parents=True, exist_ok=True)
    _job = (plots, subject, folder)
    try:
        said = _parallel(len(plots))
    finally:
        _job = None
    for plot, text in zip(plots, said):
        if text is None:
            for suffix in (".svg", ".png"):
                (folder / (plot.name + suffix)).unlink(missing_ok=True)
    return {p.name: text for p, text in zip(plots, said) if text is not None}


def _parallel(n: int) -> list[str | None]:
    if n < FEWEST or (os.cpu_count() or 1) < 2:
        return [_draw(i) for i in range(n)]
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(WORKERS, mp_context=context) as pool:
        return list(pool.map(_draw, range(n)))
