"""The contract: what it refuses, and how it stands in the page as JSON."""

from __future__ import annotations

import json
import math
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_search.report.page import encode
from scaling_search.report.page.data import Curve, RaceTest, ReportData, Round, Surface, lattice
from tests.page import sample


def test_every_field_of_every_class_is_in_the_json_under_its_name() -> None:
    data = sample.decided()
    record = encode.record(data)
    assert record["version"] == 1 and record["every"] == 1
    same(data, {key: value for key, value in record.items() if key not in ("version", "every")})


def same(value: Any, encoded: Any) -> None:
    """The structures agree, numbers to six digits, and nothing missing became a number."""
    if is_dataclass(value):
        assert encoded.keys() == {field.name for field in fields(value)}
        for name in encoded:
            same(getattr(value, name), encoded[name])
    elif isinstance(value, tuple):
        assert len(value) == len(encoded)
        for one, other in zip(value, encoded, strict=True):
            same(one, other)
    elif isinstance(value, float):
        assert encoded == pytest.approx(value, rel=1e-5)
    elif value is None:
        assert encoded is None


@given(st.floats() | st.none())
def test_what_is_no_number_is_null_and_nothing_else_is(value: float | None) -> None:
    curve = Curve(seed=0, epochs=(1,), train_loss=(value,), validation_accuracy=(None,))
    data = sample.alone()
    only = data.candidates[0]
    data = replace(data, candidates=(replace(only, results=replace(only.results, curves=(curve,))),))
    got = json.loads(encode.dumps(data))["candidates"][0]["results"]["curves"][0]
    assert got["validation_accuracy"] == [None]
    (loss,) = got["train_loss"]
    if value is None or not math.isfinite(value):
        assert loss is None
    else:
        assert loss == pytest.approx(value, rel=1e-5, abs=0)


def test_no_text_can_leave_the_element_that_holds_the_json() -> None:
    text = encode.dumps(sample.hostile())
    assert text.isascii() and "\n" not in text
    assert not set("<>&") & set(text)
    named = [one["network"]["name"] for one in json.loads(text)["candidates"]]
    assert named[:4] == list(sample.HOSTILE[:4])
    assert named[4] == "gnp.exe"


def test_keys_are_kept_to_the_letter_so_that_two_never_become_one() -> None:
    data = sample.alone()
    one = data.candidates[0]
    both = replace(data, candidates=(replace(one, key="a"), replace(one, key="a\u200b")))
    assert [item["key"] for item in encode.record(both)["candidates"]] == ["a", "a\u200b"]


def test_many_epochs_are_thinned_and_the_last_one_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    data = sample.decided()
    epochs = sum(len(curve.epochs) for one in data.all_candidates for curve in one.results.curves)
    monkeypatch.setattr(encode, "EPOCHS", epochs // 3)
    record = encode.record(data)
    assert record["every"] > 1
    curves = [curve for one in record["candidates"] for curve in one["results"]["curves"]]
    assert sum(len(curve["epochs"]) for curve in curves) <= epochs // 3
    for one, thin in zip(data.candidates, record["candidates"], strict=True):
        for curve, shown in zip(one.results.curves, thin["results"]["curves"], strict=True):
            assert shown["epochs"][-1] == curve.epochs[-1]
            assert len(shown["epochs"]) == len(shown["train_loss"]) == len(shown["validation_accuracy"])


def test_a_lattice_covers_the_triangle_once() -> None:
    points = list(lattice(12))
    assert len(points) == len({(p.depth, p.width) for p in points}) == 13 * 14 // 2
    for point in points:
        assert point.depth + point.width + point.resolution == pytest.approx(1)
        assert min(point.depth, point.width, point.resolution) >= 0


def broken_race(data: ReportData) -> ReportData:
    return replace(data, race=(Round(number=1, seeds=1, tests=(RaceTest(candidate="?", inside=True),)),))


@pytest.mark.parametrize(
    ("breaking", "why"),
    [
        (lambda data: replace(data, answer=()), "1 to 3 lines"),
        (lambda data: replace(data, answer=("a", "b", "c", "d")), "1 to 3 lines"),
        (lambda data: replace(data, candidates=data.candidates * 2), "same key"),
        (broken_race, "not in the report"),
        (lambda data: replace(data, classes=data.classes[1:]), "do not fit the 9 classes"),
        (lambda _: Surface(steps=2, values=(0.1,)), "6 points"),
        (
            lambda _: Curve(seed=0, epochs=(1, 2), train_loss=(0.1,), validation_accuracy=(0.1, 0.2)),
            "lengths",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(breaking: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        breaking(sample.decided())
