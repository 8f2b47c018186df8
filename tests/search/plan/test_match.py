"""Steps up or down until a cost fits: the nearest one, few looks, and a reason where none does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_search.errors import InputError
from scaling_search.search.plan.match import Match, nearest


def find(amounts: dict[int, float], start: int, target: float, *, tolerance: float = 0.1) -> Match:
    """Over the sides of a table, from `start`; outside of it a network is too small."""

    def amount_at(steps: int) -> float:
        if start + steps not in amounts:
            raise InputError("too small")
        return amounts[start + steps]

    return nearest(
        amount_at,
        target=target,
        tolerance=tolerance,
        down=start - min(amounts),
        up=max(amounts) - start,
        say=lambda steps: f"{start + steps} px",
    )


@given(
    rises=st.lists(st.integers(0, 9), min_size=2, max_size=40),
    start=st.integers(0, 39),
    target=st.integers(1, 200),
)
def test_the_nearest_step_inside_is_found(rises: list[int], start: int, target: int) -> None:
    amounts = {10 + index: 1.0 + sum(rises[: index + 1]) for index in range(len(rises))}
    start = 10 + start % len(rises)
    found = find(amounts, start, target)
    inside = [side for side, amount in amounts.items() if target * 0.9 <= amount <= target * 1.1]
    if found.steps is None:
        assert not inside and found.reason
    else:
        assert start + found.steps in inside
        assert abs(found.steps) == min(abs(side - start) for side in inside)
        assert found.reason is None


def test_what_is_far_away_is_not_looked_at() -> None:
    looked: list[int] = []

    def amount_at(steps: int) -> float:
        looked.append(16 + steps)
        return float((16 + steps) ** 2)

    found = nearest(amount_at, target=400, tolerance=0.05, down=0, up=8176, say=str)
    assert found.steps == 4
    assert max(looked) == 20 and len(set(looked)) <= 6


@pytest.mark.parametrize(
    ("amounts", "start", "target", "words"),
    [
        ({8: 100.0, 9: 120.0}, 8, 50.0, "costs 2.00 x the target even at 8 px: too deep or wide"),
        ({8: 100.0, 9: 120.0}, 8, 200.0, "only 0.60 x the target even at 9 px: too shallow and narrow"),
        ({8: 100.0, 9: 300.0}, 8, 200.0, "one step near 9 px jumps over the band around the target"),
        ({8: 100.0, 9: 100.0, 10: 100.0}, 9, 200.0, "0.50 x the target, and no adjustment changes that"),
        ({8: 300.0, 9: 300.0, 10: 300.0}, 9, 200.0, "1.50 x the target, and no adjustment changes that"),
    ],
    ids=["too deep", "too shallow", "jumps", "flat below", "flat above"],
)
def test_reasons(amounts: dict[int, float], start: int, target: float, words: str) -> None:
    found = find(amounts, start, target)
    assert found.steps is None
    assert found.reason == words


def test_what_does_not_fit_in_memory_is_too_expensive() -> None:
    amounts = {8: 1.0, 9: 2.0, 10: float("inf"), 11: float("inf")}
    assert find(amounts, 11, 2.0).steps == -2
