# SPDX-License-Identifier: MIT
"""A metric whose statistics can be told by looking: 12 blocks around a centre."""

from __future__ import annotations

from typing import Any

#: In block order; sorted: .94 .95 .96 .97 .98 .99 1.01 1.02 1.03 1.04 1.05 1.06, median 1.
FACTORS = (1.01, 0.95, 1.04, 0.99, 0.97, 1.03, 0.94, 1.06, 0.98, 1.02, 0.96, 1.05)
#: Binomial(12, 1/2): ranks 3 and 10 cover 1 - 2 * 79/4096 = 0.9614; ranks 4 and 9 only 0.854.
LOW, HIGH, LEVEL = 0.96, 1.04, 0.96142578125


def metric(centre: float) -> dict[str, Any]:
    return {"unit": "ns", "n": 60, "p50": centre, "p50_ci": [centre * LOW, centre * HIGH],
            "p50_ci_level": LEVEL, "p90": centre * 1.1, "p90_ci": [centre * 1.05, centre * 1.2],
            "p99": None, "p99_ci": None, "p999": None, "p999_ci": None, "min": centre * 0.9,
            "max": centre * 1.3, "mean": centre * 1.01, "mad": centre * 0.03,
            "blocks": [centre * f for f in FACTORS]}
