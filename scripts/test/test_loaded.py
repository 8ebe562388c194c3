# SPDX-License-Identifier: MIT
"""Verdicts beside other work: inconclusive, and why; what is larger than the load is still told."""

from __future__ import annotations

from typing import Any

import pytest

from loaded import held, noise, noisy
from verdicts import EQUIVALENT, FASTER, INCONCLUSIVE, SLOWER, Noise, Verdict

CPUS = 2
LOADED = Noise(7, 12)


def case(crowded: int = 0, steal: int = 0, n: int = 12, quiet: int = 4) -> dict[str, Any]:
    """The first blocks began in a crowd, the last ones were over a bound of the driver's."""
    return {"blocks": [{"index": 3 * i, "noisy": "steal 14 % > 10 %" if i >= n - steal else None,
                        "noise": {"runnable_tasks": 5 if i < crowded else quiet}}
                       for i in range(n)]}


def verdict(word: str, ratio: float, low: float, high: float, more: int | None = None) -> Verdict:
    return Verdict(ratio, low, high, 12, 12, word, more)


def test_a_block_is_over_by_either_bound() -> None:
    assert noisy(case(crowded=2, steal=1), CPUS) == {0, 3, 33}
    assert noisy(case(crowded=12), 4) == set()  # four CPUs hold a queue of five
    assert noisy(case(quiet=1), 1) == set() and noisy(case(quiet=3), 1) == set(range(0, 36, 3))


def test_an_old_file_tells_of_no_noise() -> None:
    old = [{"blocks": [{"index": 0}]}, {"blocks": [{"index": 0, "noisy": None, "noise": None}]},
           {"blocks": [{"index": 0, "noise": {"runnable_tasks": None}}]}]
    assert [noisy(c, CPUS) for c in old] == [set()] * 3


@pytest.mark.parametrize(("base", "new", "paired", "found"), [
    (case(), case(), True, None), (case(6), case(6), True, None), (case(7), case(), True, LOADED),
    (case(4), case(0, 3), True, LOADED),  # a pair is disturbed on one of its sides
    (case(4), case(0, 3), False, None),  # without pairs each side is judged by its own
    (case(0, 7), case(), False, LOADED), (case(7), case(12), False, Noise(12, 12)),
    (case(7), case(0, 0, 24), False, LOADED), (case(4), case(0, 0, 4), True, Noise(4, 4)),
    (case(n=0), case(n=0), True, None), (case(n=0), case(n=0), False, None)])
def test_more_than_half(base: dict[str, Any], new: dict[str, Any], paired: bool,
                        found: Noise | None) -> None:
    assert noise(base, new, (CPUS, CPUS), paired) == found


def test_each_machine_by_its_own_cpus() -> None:
    assert noise(case(12), case(12), (CPUS, 8), False) == Noise(12, 12)
    assert noise(case(12), case(12), (8, 8), False) is None


@pytest.mark.parametrize(("said", "word", "for_noise"), [
    (verdict(SLOWER, 1.05, 1.03, 1.07), INCONCLUSIVE, True),
    (verdict(FASTER, 0.9, 0.85, 0.95), INCONCLUSIVE, True),
    (verdict(EQUIVALENT, 1.0, 0.99, 1.01), INCONCLUSIVE, True),
    (verdict(INCONCLUSIVE, 1.0, 0.9, 1.1, 30), INCONCLUSIVE, True),
    (verdict(SLOWER, 2.3, 1.9, 2.8), INCONCLUSIVE, True),  # it may be what sharing a CPU costs
    (verdict(SLOWER, 4.0, 2.1, 7.6), SLOWER, False),
    (verdict(FASTER, 0.3, 0.2, 0.45), FASTER, False),
    (verdict(INCONCLUSIVE, 4.0, 2.1, 7.6, 3), INCONCLUSIVE, True)])
def test_what_is_said_under_load(said: Verdict, word: str, for_noise: bool) -> None:
    made = held(said, LOADED)
    assert made.word == word and made.noise == (LOADED if for_noise else None)
    assert made.more_blocks is None  # more of such blocks settle nothing
    assert (made.ratio, made.low, made.high) == (said.ratio, said.low, said.high)
    assert held(said, None) is said


def test_few_blocks_are_few_first() -> None:
    few = Verdict(2.0, None, None, 3, 3, INCONCLUSIVE, 3)
    assert held(few, LOADED) is few
