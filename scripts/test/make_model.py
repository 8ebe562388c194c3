# SPDX-License-Identifier: MIT
"""Cases of scenario model whose every value follows from a price list: a fit must find it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: ns: fixed, per MiB, page table, mapping with pages, other mapping, descriptor, thread.
PRICES: dict[str, dict[str, tuple[float, ...]]] = {
    "popen": {"ready": (500e3, 35e3, 0, 0, 600, 100, 3800), "work": (1e3, 0, 0, 0, 0, 0, 0),
              "exit": (80e3, 0, 0, 0, 0, 0, 0), "cpu": (620e3, 36e3, 0, 0, 580, 110, 4000)},
    "vfork": {"ready": (420e3, 0, 0, 0, 0, 100, 0), "work": (1e3, 0, 0, 0, 0, 0, 0),
              "exit": (80e3, 0, 0, 0, 0, 0, 0), "cpu": (530e3, 0, 0, 0, 0, 100, 0)},
    "fork": {"ready": (75e3, 16e3, 1700, 900, 300, 10, 1800), "work": (1e3, 0, 0, 0, 0, 0, 0),
             "exit": (40e3, 17e3, 400, 700, 330, 50, 200),
             "cpu": (140e3, 35e3, 2100, 1600, 630, 60, 2200)},
    "forkserver": {"ready": (180e3, 16e3, 1700, 900, 300, 110, 0), "work": (1e3, 0, 0, 0, 0, 0, 0),
                   "exit": (60e3, 18e3, 400, 700, 330, 0, 0),
                   "cpu": (200e3, 35e3, 2100, 1600, 640, 110, 0)},
    "zygote": {"ready": (70e3, 16e3, 1700, 900, 300, 100, 0), "work": (1e3, 0, 0, 0, 0, 0, 0),
               "exit": (46e3, 18e3, 400, 700, 340, 0, 0),
               "cpu": (150e3, 35e3, 2100, 1600, 640, 110, 0)},
    "pool": {"ready": (24e3, 0, 0, 0, 0, 0, 0), "work": (1e3, 0, 0, 0, 0, 0, 0),
             "exit": (70e3, 18e3, 400, 700, 340, 0, 0),
             "cpu": (300e3, 33e3, 2200, 2300, 900, 120, 0)},
}
#: What the golden python payload clones: MiB, tables, own and other mappings, fds, threads.
PYTHON = (30.0, 60.0, 150.0, 250.0, 8.0, 1.0)
PARENT = (0.2, 4.0, 12.0, 13.0, 4.0, 1.0)
SERVED = {"heap_mb": (0, 16, 48, 96, 160, 224), "heap_vmas": (256, 768, 1536),
          "heap_maps": (256, 768, 1536), "heap_tables": (50, 200, 400), "heap_fds": (256, 1024)}
EXECED = {"ballast_mb": (0, 16, 48, 96, 160, 224), "ballast_vmas": (256, 768, 1536),
          "ballast_fds": (256, 1024), "ballast_threads": (32, 128)}


def grown(key: str, value: float) -> tuple[float, ...]:
    """The image of a case: what the payload or the ballast does to the smallest one."""
    mib, tables, own, plain, fds, threads = PARENT
    what = key.partition("_")[2]
    if what == "mb":
        return mib + value, tables + value / 2, own, plain, fds, threads
    if what == "tables":
        return mib + value / 256, tables + value, own, plain, fds, threads
    if what == "fds":
        return mib, tables, own, plain, fds + value, threads
    if what == "threads":
        return mib, tables, own + value, plain + value, fds, threads + value
    if key == "heap_vmas":
        return mib + value / 256, tables + value / 512, own + value, plain, fds, threads
    return mib, tables, own, plain + value, fds, threads


def worth(prices: tuple[float, ...], image: tuple[float, ...]) -> float:
    return prices[0] + sum(p * x for p, x in zip(prices[1:], image))


def raw_image(image: tuple[float, ...], who: str, rss: int = 0) -> dict[str, Any]:
    mib, tables, own, plain, fds, threads = image
    copied = round(mib * (1 << 20))
    return {"who": who, "rss_bytes": rss or copied + 1_500_000, "vmas": round(own + plain),
            "fds": round(fds), "threads": round(threads), "copied_bytes": copied,
            "copied_tables": round(tables), "anon_vmas": round(own)}


def cases(latency: Callable[..., dict[str, Any]], factors: tuple[float, ...]) -> list[
        dict[str, Any]]:
    """Of six strategies; latency: make_golden's."""
    made = []
    for strategy, prices in PRICES.items():
        fresh = strategy in ("popen", "vfork")
        sweeps = EXECED if fresh else SERVED
        if strategy == "fork":
            sweeps = {**sweeps, "ballast_threads": (32, 128)}
        payload = "none" if fresh else "heap"
        for key, values in sweeps.items():
            for value in values:
                image = grown(key, value)
                ready = worth(prices["ready"], image)
                worked = ready + worth(prices["work"], image)
                case = latency("model", strategy, payload,
                               (ready * 0.9, ready, worked, worked + worth(prices["exit"], image)),
                               params={key: str(value)}, section=key)
                case["image"] = raw_image(image, "parent" if fresh or strategy == "fork"
                                          else "server")
                case["floor"] = None
                cpu = worth(prices["cpu"], image)
                for block, factor in zip(case["blocks"], factors):
                    block["cpu_ns"] = round(cpu * factor * (block["n"] + block["warmup"]))
                made.append(case)
    return made
