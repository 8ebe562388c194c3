# SPDX-License-Identifier: MIT
"""The pictures: one file each with `draw(run, out)`, one row each in the table below.

draw() writes out.svg and out.png and returns the text alternative, or None when the run has
nothing to draw. A new picture is one file and one row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from plots import (aa, arrivals, capacity, descriptors, drift, ecdf, forest, growth, heap,
                   isolation_inherited, isolation_reachable, memory, model, percentiles, phases,
                   sandbox, shared_bits, startup, throughput, timeline, violins, vmas)
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
    Plot("aa", 22, aa.draw, "Whether to believe a verdict",
         "Left, nothing was changed: every coloured word but equivalent and inconclusive is a false "
         "alarm. Right, children were slowed down by a known amount: grey is what was missed."),
    Plot("arrivals", 11, arrivals.draw, "Latency under a schedule",
         "Children are asked for by a schedule, whether or not earlier ones have ended; latency "
         "counts from there. Filled: the median; hollow: p99. A long line is interference."),
    Plot("capacity", 10, capacity.draw, "Latency against offered load",
         "A strategy can be asked for as many children as lie left of where its p99 crosses the "
         "dashed bound. Latency counts from when a child should have been asked for."),
    Plot("descriptors", 16, descriptors.draw, "Latency against open descriptors",
         "A flat line does not care how many descriptors the cloned process holds."),
    Plot("drift", 8, drift.draw, "Latency over time",
         "Each lane is one strategy, level with its own median; a dot is the median of one block "
         "at the time it was measured. A lane that climbs or falls is drift; lanes that jump "
         "together were disturbed together."),
    Plot("ecdf", 5, ecdf.draw, "Every sample",
         "Each curve climbs from the fastest sample to the slowest; further left is sooner, "
         "steeper is steadier, and a long foot to the right at the top is the tail."),
    Plot("forest", 2, forest.draw, "Ratios to popen and to zygote",
         "A mark right of the line is sooner than the reference. Ratios are taken block by block, "
         "so that what disturbed both does not count; where an interval crosses the line, the "
         "blocks cannot tell the two apart."),
    Plot("growth", 13, growth.draw, "Memory of all, and copy-on-write growth",
         "Left: what parent, server and children take together. Right: one child; violet is what "
         "its work made private, by copying pages it wrote to or by loading more."),
    Plot("heap", 14, heap.draw, "Latency against heap size",
         "The heap is the server's for server strategies and the parent's for the others. A line "
         "that rises is copying page tables: its slope is the price of a megabyte. Lines are fits; a "
         "straight line bends on logarithmic axes."),
    Plot("isolation_inherited", 19, isolation_inherited.draw, "What a child inherits",
         "A cross is a secret of the parent that the child found in its own memory or "
         "descriptors. A column without a cross is what exec or an exec'd server buys."),
    Plot("isolation_reachable", 20, isolation_reachable.draw, "What a child can reach",
         "A cross is an attack on another process that succeeded; an errno is the kernel's "
         "refusal. Reach depends on the attacker's uid far more than on the strategy."),
    Plot("memory", 12, memory.draw, "Memory per child",
         "Proportional set size: what one more child adds when shared pages are split among "
         "their users. The step from ready to worked is copy-on-write."),
    Plot("model", 17, model.draw, "What the image costs",
         "Points are measured, lines are the fitted price list. A point off its line is what the "
         "model does not explain; a flat line is a strategy that does not care."),
    Plot("percentiles", 6, percentiles.draw, "Percentiles",
         "The further right, the rarer: each step to the right is a tenth of what was left. Level "
         "is steady; a curve that bends upwards has a tail, and says from which percentile on."),
    Plot("phases", 4, phases.draw, "Where the time goes",
         "Each bar is the whole life of one child, request to reaped, as shares; its length in "
         "time stands at the right."),
    Plot("sandbox", 18, sandbox.draw, "What a sandbox costs",
         "A point right of the line is time that the layer adds before the child is ready; layers "
         "whose interval crosses the line add nothing that was seen. The tail is the other half "
         "of the price: a layer can be cheap at the median and dear at p99."),
    Plot("shared_bits", 21, shared_bits.draw, "What siblings share",
         "Bits that were equal in all siblings, of the bits there are. All shared: one child "
         "that learns its own value knows that of every other."),
    Plot("startup", 1, startup.draw, "Startup latency",
         "Shorter is sooner. The scale is logarithmic: one grid line is ten times. Whiskers are "
         "95 % intervals; two whose whiskers overlap are hardly different."),
    Plot("throughput", 9, throughput.draw, "Children per CPU-second",
         "Higher is cheaper: every process's CPU time is counted, the server's and the kernel's "
         "too. Lines that stay level scale with the load."),
    Plot("timeline", 3, timeline.draw, "One spawn",
         "Time runs to the right, each strategy on a scale of its own. Solid arrows join measured "
         "instants: the request, the clone, the child's record. Bars: blue-grey the call, pale "
         "violet loading, violet the first work, grey the exit until the parent has reaped."),
    Plot("violins", 7, violins.draw, "Scatter around the median",
         "Thick is frequent. All are level with their own median, which stands at the right: what "
         "is compared is how steady they are, not how fast. Two bulges are two ways to go."),
    Plot("vmas", 15, vmas.draw, "Latency against mappings",
         "The more mappings the cloned process has, the more the kernel copies one by one."),
)
