"""Resolutions moved until a cost fits: the nearest one, few looks, and a reason where none does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_search.errors import InputError
from scaling_search.search.plan.resolution_match import Match, nearest_resolution


def find(
    amounts: dict[int, float], start: int, target: float, *, step: int = 1, tolerance: float = 0.1
) -> Match:
    """Over the resolutions of a table; outside of it a network is too small."""

    def amount_at(resolution: int) -> float:
        if resolution not in amounts:
            raise InputError("too small")
        return amounts[resolution]

    return nearest_resolution(
        start,
        target=target,
        tolerance=tolerance,
        lowest=min(amounts),
        highest=max(amounts),
        step=step,
        amount_at=amount_at,
    )


@given(
    rises=st.lists(st.integers(0, 9), min_size=2, max_size=40),
    start=st.integers(0, 39),
    target=st.integers(1, 200),
    step=st.integers(1, 3),
)
def test_the_nearest_resolution_inside_is_found(rises: list[int], start: int, target: int, step: int) -> None:
    amounts = {10 + index: 1.0 + sum(rises[: index + 1]) for index in range(len(rises))}
    start = 10 + start % len(rises)
    found = find(amounts, start, target, step=step)
    inside = [
        side
        for side, amount in amounts.items()
        if target * 0.9 <= amount <= target * 1.1 and (side - start) % step == 0
    ]
    if found.resolution is None:
        assert not inside and found.reason
    else:
        assert abs(found.resolution - start) == min(abs(side - start) for side in inside)
        assert (found.reason is None) == (found.resolution == start)


def test_what_is_far_away_is_not_looked_at() -> None:
    looked: list[int] = []

    def amount_at(resolution: int) -> float:
        looked.append(resolution)
        return float(resolution**2)

    found = nearest_resolution(
        16, target=400, tolerance=0.05, lowest=16, highest=8192, step=1, amount_at=amount_at
    )
    assert found.resolution == 20
    assert max(looked) == 20 and len(set(looked)) <= 6


@pytest.mark.parametrize(
    ("amounts", "start", "target", "words"),
    [
        ({8: 100.0, 9: 120.0}, 8, 50.0, "costs 2.00 x the target even at the base's 8 px: too deep or wide"),
        ({8: 100.0, 9: 120.0}, 8, 200.0, "only 0.60 x the target even at 9 px: too shallow and narrow"),
        ({8: 100.0, 9: 300.0}, 8, 200.0, "one step of resolution near 9 px jumps over the band"),
        ({8: 100.0, 9: 100.0, 10: 100.0}, 9, 200.0, "0.50 x the target, and no resolution changes that"),
        ({8: 300.0, 9: 300.0, 10: 300.0}, 9, 200.0, "1.50 x the target, and no resolution changes that"),
    ],
    ids=["too deep", "too shallow", "jumps", "flat below", "flat above"],
)
def test_reasons(amounts: dict[int, float], start: int, target: float, words: str) -> None:
    found = find(amounts, start, target)
    assert found.resolution is None
    assert words in str(found.reason)


def test_what_does_not_fit_in_memory_is_too_dear() -> None:
    amounts = {8: 1.0, 9: 2.0, 10: float("inf"), 11: float("inf")}
    assert find(amounts, 11, 2.0).resolution == 9
