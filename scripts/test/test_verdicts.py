# SPDX-License-Identifier: MIT
"""Verdicts between two sets of blocks: the words, and how often they are wrong."""

from __future__ import annotations

from math import exp, log

import numpy as np
import pytest

import verdicts
from stats_by_hand import FACTORS
from verdicts import (EQUIVALENT, FASTER, INCONCLUSIVE, SLOWER, Spread, compare_blocks,
                      holm_levels, judge, measure)

TRIALS = 1500


def blocks(centre: float, factors: tuple[float, ...] = FACTORS) -> dict[int, float | None]:
    return {i: centre * f for i, f in enumerate(factors)}


@pytest.mark.parametrize(("ratio", "paired", "word"), [
    (1.0, True, EQUIVALENT), (1.0, False, INCONCLUSIVE), (1.1, True, SLOWER), (1.5, False, SLOWER),
    (0.9, True, FASTER), (0.5, False, FASTER), (1.01, True, EQUIVALENT)])
def test_words(ratio: float, paired: bool, word: str) -> None:
    made = compare_blocks(blocks(100.0), blocks(100 * ratio), paired=paired, margin=0.02)
    assert made.word == word
    assert made.ratio == pytest.approx(ratio)
    assert made.low is not None and made.high is not None
    assert made.low <= ratio * 1.000001 and made.high >= ratio * 0.999999
    assert (made.n_base, made.n_new) == (12, 12)


def test_pairs_cancel_what_they_share_and_only_they() -> None:
    """A drift of 1 to 3 hides 5 % from separate sides, never from pairs."""
    drift = [1 + i / 6 for i in range(12)]
    base = {i: 100 * d for i, d in enumerate(drift)}
    new = {i: 105 * d * f for i, (d, f) in enumerate(zip(drift, (1.01, 0.99) * 6))}
    assert compare_blocks(base, new, paired=True, margin=0.02).word == SLOWER
    assert compare_blocks(base, new, paired=False, margin=0.02).word == INCONCLUSIVE


def test_pairs_are_blocks_of_the_same_index() -> None:
    base: dict[int, float | None] = {i: 10.0 ** (i % 3) for i in range(12)}
    new = {i: 2 * v if v else None for i, v in sorted(base.items(), reverse=True)}
    base[3], new[20] = None, 5.0
    made = compare_blocks(base, new, paired=True, margin=0.02)
    assert (made.ratio, made.n_base, made.n_new) == (pytest.approx(2.0), 11, 11)


def test_ratio_of_separate_sides_is_of_what_the_tables_show() -> None:
    base, new = {0: 1.0, 1: 2.0, 2: 3.0, 3: 40.0}, {0: 10.0, 1: 20.0, 2: 90.0}
    assert measure(base, new, paired=False).ratio == 20 / 2.5


@pytest.mark.parametrize("paired", [True, False])
def test_too_few_blocks_have_no_interval(paired: bool) -> None:
    made = compare_blocks(blocks(1.0, FACTORS[:5]), blocks(9.0), paired=paired, margin=0.02)
    assert (made.low, made.high, made.word, made.more_blocks) == (None, None, INCONCLUSIVE, 1)
    assert made.ratio is not None and 8 < made.ratio < 10
    nothing = compare_blocks({0: None}, blocks(1.0), paired=paired, margin=0.02)
    assert (nothing.ratio, nothing.word, nothing.more_blocks) == (None, INCONCLUSIVE, 6)


def test_inside_the_margin_is_no_verdict_however_sure() -> None:
    sure = judge(Spread(1.018, 0.003, 30, 31, 31), 0.02)
    assert sure.differs and sure.word == INCONCLUSIVE
    assert judge(Spread(1.018, 0.003, 30, 31, 31), 0.03).word == EQUIVALENT
    assert judge(Spread(1.03, 0.003, 30, 31, 31), 0.02).word == SLOWER
    assert judge(Spread(1 / 1.03, 0.003, 30, 31, 31), 0.02).word == FASTER


def test_more_blocks_settle_it() -> None:
    """With as many more, and the same spread, it is no longer inconclusive."""
    for ratio in (1.0, 1.01, 1.04, 0.93):
        now = judge(Spread(ratio, 0.04, 22, 12, 12), 0.02)
        assert now.word == INCONCLUSIVE and now.more_blocks
        n = 12 + now.more_blocks
        later = judge(Spread(ratio, 0.04 * (12 / n) ** 0.5, 2 * n - 2, n, n), 0.02)
        assert later.word != INCONCLUSIVE
        fewer = 12 + now.more_blocks // 3
        assert judge(Spread(ratio, 0.04 * (12 / fewer) ** 0.5, 2 * fewer - 2, fewer, fewer),
                     0.02).word == INCONCLUSIVE
    assert judge(Spread(1.0199, 0.04, 22, 12, 12), 0.02).more_blocks is None  # at the edge


def test_same_seed_same_interval() -> None:
    base, new = blocks(100.0), blocks(104.0)
    first = compare_blocks(base, new, paired=False, margin=0.02, seed=7)
    verdicts._middles.cache_clear()
    assert compare_blocks(base, new, paired=False, margin=0.02, seed=7) == first
    assert compare_blocks(base, new, paired=False, margin=0.02, seed=8).low != first.low


def test_resamples_are_medians_of_draws() -> None:
    """The look-up by rank is what drawing and taking medians would give."""
    for n in (6, 9):
        values = np.random.default_rng(2).lognormal(size=n)
        drawn = np.random.default_rng((5, n, 1)).integers(0, n, (verdicts.RESAMPLES, n))
        made = verdicts._medians(values, 5, 1)
        assert np.allclose(made, np.median(np.sort(values)[drawn], axis=1))


def test_holm_by_hand() -> None:
    """Four at 5 %: tried at .0125, .0167, .025, .05; the third fails, and the fourth is not tried."""
    levels = holm_levels([0.03, 0.001, 0.04, 0.015])
    assert levels == pytest.approx([0.975, 0.9875, 0.975, 1 - 0.05 / 3])
    assert holm_levels([None, 0.04]) == pytest.approx([0.975, 0.975])
    assert holm_levels([0.04]) == pytest.approx([0.95])
    assert holm_levels([]) == []


def test_a_family_tests_the_difference_alone() -> None:
    """The interval stays that of 95 %, and equivalence is its; only faster and slower are dearer."""
    found = [Spread(exp(x), 0.01, 20, 11, 11) for x in (0.05, 0.03, 0.024, 0.002)]
    levels = holm_levels([s.p for s in found])
    made = [judge(s, 0.02, tested=level) for s, level in zip(found, levels)]
    assert [v.differs for v in made] == [True, True, False, False]
    assert [v.word for v in made] == [SLOWER, SLOWER, INCONCLUSIVE, INCONCLUSIVE]
    assert judge(found[2], 0.02).word == SLOWER  # alone it would have been one
    assert made[2].low == judge(found[2], 0.02).low
    assert made[2].low is not None and made[2].low > 1 and made[2].more_blocks
    assert judge(found[3], 0.03, tested=0.9999).word == EQUIVALENT


def lognormal(random: np.random.Generator, n: int) -> dict[int, float | None]:
    return dict(enumerate(random.lognormal(0, 0.08, n)))


def disturbed(random: np.random.Generator, n: int) -> dict[int, float | None]:
    """One block in ten is slower by half, as beside a busy neighbour."""
    slow = (random.random(n) < 0.1) * random.exponential(0.5, n)
    return dict(enumerate(random.lognormal(0, 0.08, n) * np.exp(slow)))


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("n", [8, 12, 20])
@pytest.mark.parametrize("draw", [lognormal, disturbed])
def test_interval_covers_the_truth(draw, n: int, paired: bool) -> None:  # type: ignore[no-untyped-def]
    """A slow-down of 5 % is inside at least 93 of 100 intervals of 95 %."""
    random = np.random.default_rng((n, paired))
    covered = 0
    for _ in range(TRIALS):
        base = draw(random, n)
        if paired:  # what both share is no part of the noise
            new = {i: v * 1.05 * random.lognormal(0, 0.08) for i, v in base.items() if v}
        else:
            new = {i: v * 1.05 for i, v in draw(random, n).items() if v}
        made = compare_blocks(base, new, paired=paired, margin=0.02)
        assert made.low is not None and made.high is not None
        covered += made.low <= 1.05 <= made.high
    assert 0.93 <= covered / TRIALS <= 0.995


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("draw", [lognormal, disturbed])
def test_a_machine_does_not_differ_from_itself(draw, paired: bool) -> None:  # type: ignore[no-untyped-def]
    """A/A: at most 5 of 100 say faster or slower, both ways alike."""
    random = np.random.default_rng(11)
    words = [compare_blocks(draw(random, 12), draw(random, 12), paired=paired, margin=0.02).word
             for _ in range(TRIALS)]
    assert (words.count(FASTER) + words.count(SLOWER)) / TRIALS <= 0.05 + 0.015
    assert abs(words.count(FASTER) - words.count(SLOWER)) < 4 * (0.05 * TRIALS) ** 0.5


def test_a_family_is_wrong_as_seldom_as_one() -> None:
    """Twenty A/A comparisons at once: a false verdict in at most 5 of 100 families."""
    random = np.random.default_rng(12)
    wrong = 0
    for _ in range(200):
        found = [measure(lognormal(random, 9), lognormal(random, 9), paired=False)
                 for _ in range(20)]
        levels = holm_levels([s.p for s in found])
        wrong += any(judge(s, 0.02, tested=level).word in (FASTER, SLOWER)
                     for s, level in zip(found, levels))
    assert wrong / 200 <= 0.085


def test_five_percent_is_found() -> None:
    """Blocks of 2 % and 12 pairs tell 5 % from nothing nearly always."""
    random = np.random.default_rng(13)
    found = 0
    for _ in range(400):
        base = dict(enumerate(random.lognormal(0, 0.3, 12)))
        new = {i: v * exp(random.normal(log(1.05), 0.02)) for i, v in base.items()}
        found += compare_blocks(base, new, paired=True, margin=0.02).word == SLOWER
    assert found / 400 >= 0.95
