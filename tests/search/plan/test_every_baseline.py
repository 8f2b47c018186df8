"""Every built-in network can be the baseline of a grid."""

from __future__ import annotations

import pytest

from scaling_search.baselines.load import names
from scaling_search.search.plan import study as studies
from tests.search.pretend import planned

STUDY = """
name = "any"
baseline = "efficientnet-b0"
[dataset]
name = "digits"
[grid]
alpha = "1:2:0.2"
beta = "1:1.4:0.2"
gamma = "1:1.5:0.25"
tolerance = 0.2
macs_tolerance = 0.2
"""


@pytest.mark.parametrize("name", names())
def test_it_gives_candidates_of_equal_cost(name: str) -> None:
    changes = {
        "baseline": name,
        "proxy.resolution": 32,
        "proxy.width": 0.25,
        "rounding.depth": "round",
        "rounding.divisor": 2,
    }
    plan = planned(studies.override(studies.parse(STUDY), changes))
    assert len(plan.candidates) >= 2
    target = 2 * plan.space.base_cost.macs
    assert all(abs(one.macs / target - 1) <= 0.2 for one in plan.candidates)
