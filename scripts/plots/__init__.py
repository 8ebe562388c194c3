# SPDX-License-Identifier: MIT
"""The pictures: one file each with `draw(run, out)`, one row each in the table below.

draw() writes out.svg and out.png and returns the text alternative, or None when the run has
nothing to draw. A new picture is one file and one row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from plots import (arrivals, capacity, descriptors, ecdf, heap, isolation_inherited,
                   isolation_reachable, memory, model, phases, sandbox, shared_bits, startup,
                   throughput, timeline, vmas)
from runfile import Run


@dataclass(frozen=True)
class Plot:
    """name: its files' stem. place: position on the page. reading: how to read it."""

    name: str
    place: int
    draw: Callable[[Run, Path], str | None]
    title: str
    reading: str


# Sorted by name.
PLOTS = (
    Plot("arrivals", 15, arrivals.draw, "Latency under a schedule",
         "Children are asked for by a schedule, whether or not earlier ones have ended; latency "
         "counts from there. Filled: the median; hollow: p99. A long line is interference."),
    Plot("capacity", 14, capacity.draw, "Latency against offered load",
         "A strategy can be asked for as many children as lie left of where its p99 crosses the "
         "dashed bound. Latency counts from when a child should have been asked for."),
    Plot("descriptors", 9, descriptors.draw, "Latency against open descriptors",
         "A flat line does not care how many descriptors the cloned process holds."),
    Plot("ecdf", 4, ecdf.draw, "Every sample",
         "Each curve climbs from the fastest sample to the slowest; further left is sooner, "
         "steeper is steadier, and a long foot to the right at the top is the tail."),
    Plot("heap", 7, heap.draw, "Latency against heap size",
         "The heap is the server's for server strategies and the parent's for the others. A line "
         "that rises is copying page tables: its slope is the price of a megabyte."),
    Plot("isolation_inherited", 11, isolation_inherited.draw, "What a child inherits",
         "A cross is a secret of the parent that the child found in its own memory or "
         "descriptors. A column without a cross is what exec or an exec'd server buys."),
    Plot("isolation_reachable", 12, isolation_reachable.draw, "What a child can reach",
         "A cross is an attack on another process that succeeded; an errno is the kernel's "
         "refusal. Reach depends on the attacker's uid far more than on the strategy."),
    Plot("memory", 6, memory.draw, "Memory per child",
         "Proportional set size: what one more child adds when shared pages are split among "
         "their users. The step from ready to worked is copy-on-write."),
    Plot("model", 16, model.draw, "What the image costs",
         "Points are measured, lines are the fitted price list. A point off its line is what the "
         "model does not explain; a flat line is a strategy that does not care."),
    Plot("phases", 3, phases.draw, "Where the time goes",
         "Each bar is the whole life of one child, request to reaped, as shares; its length in "
         "time stands at the right."),
    Plot("sandbox", 10, sandbox.draw, "What a sandbox costs",
         "A point right of the line is time that the layer adds before the child is ready; layers "
         "whose interval crosses the line add nothing that was seen. The tail is the other half "
         "of the price: a layer can be cheap at the median and dear at p99."),
    Plot("shared_bits", 13, shared_bits.draw, "What siblings share",
         "Bits that were equal in all siblings, of the bits there are. All shared: one child "
         "that learns its own value knows that of every other."),
    Plot("startup", 2, startup.draw, "Startup latency",
         "Shorter is sooner. The scale is logarithmic: one grid line is ten times. Whiskers are "
         "95 % intervals; two whose whiskers overlap are hardly different."),
    Plot("throughput", 5, throughput.draw, "Children per CPU-second",
         "Higher is cheaper: every process's CPU time is counted, the server's and the kernel's "
         "too. Lines that stay level scale with the load."),
    Plot("timeline", 1, timeline.draw, "One spawn",
         "Time runs to the right, each strategy on a scale of its own. Solid arrows join measured "
         "instants: the request, the clone, the child's record. Bars: blue-grey the call, pale "
         "violet loading, violet the first work, grey the exit until the parent has reaped."),
    Plot("vmas", 8, vmas.draw, "Latency against mappings",
         "The more mappings the cloned process has, the more the kernel copies one by one."),
)
