# SPDX-License-Identifier: MIT
"""Draws a table of pictures, two at a time: matplotlib takes most of a report's time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from intwo import in_two


class Plot(Protocol):
    """A row of plots.PLOTS or plots.several.PLOTS."""

    @property
    def name(self) -> str: ...

    @property
    def draw(self) -> Callable[[Any, Path], str | None]: ...


def draw_all(plots: Sequence[Plot], subject: Any, folder: Path) -> dict[str, str]:
    """Every picture that the subject has data for: name → text alternative.

    Pictures of an earlier report that have no data any more are removed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    said = in_two(lambda i: plots[i].draw(subject, folder / plots[i].name), len(plots))
    for plot, text in zip(plots, said):
        if text is None:
            for suffix in (".svg", ".png"):
                (folder / (plot.name + suffix)).unlink(missing_ok=True)
    return {p.name: text for p, text in zip(plots, said) if text is not None}
