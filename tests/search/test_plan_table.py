"""A plan in words: what people read below its tables."""

import pytest

from scaling_search.search.outlook import Forecast, Outlook
from scaling_search.search.plan import plan
from scaling_search.search.plan_table import document
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
        compile_seconds=3.0, trial_seconds=(2.0, 4.0), total_seconds=seconds, missing=missing, device="cpu"
    )
    ahead = Outlook(forecast=forecast, power=None, difference=None)
    (line,) = (note for note in document(plan(study()), ahead).notes if note.startswith("Time"))
    assert line.endswith(words)
