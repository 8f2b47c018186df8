"""A plan in words: what people read below its tables."""

import pytest

from scaling_search.search.grid.requirements import Forecast, Requirements
from scaling_search.search.plan.grid_plan import plan
from scaling_search.search.tables.plan_table import document
from tests.search.pretend import study


@pytest.mark.parametrize(
    ("missing", "seconds", "words"),
    [
        (0, 0.0, "nothing is left to train."),
        (1, 7.25, "1 trial is still to train, about 7.2 s."),
        (12, 185.0, "12 trials are still to train, about 3 min 05 s."),
    ],
    ids=["none", "one", "several"],
)
def test_what_is_left_to_train(missing: int, seconds: float, words: str) -> None:
    forecast = Forecast(
        source="trials in the ledger",
        device="cpu",
        platform="cpu",
        networks=("a", "b"),
        compile_seconds=3.0,
        trial_seconds=(2.0, 4.0),
        screening_seconds=0.0,
        total_seconds=seconds,
        missing=missing,
        memory_bytes=(2**20, 2**30),
        available_bytes=None,
    )
    ahead = Requirements(forecast=forecast, memory_bytes=(2**20, 2**30), power=None, difference=None)
    (line,) = (note for note in document(plan(study()), ahead).notes if note.startswith("Time"))
    assert line.endswith(words)
