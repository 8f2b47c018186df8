"""Recipes: canonical text, refusals that name the field, the paper's numbers."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from scaling_search.errors import InputError
from scaling_search.training import recipe
from scaling_search.training.recipe import named, parse, read


def test_the_papers_recipe_has_the_papers_rate() -> None:
    paper = named("efficientnet")
    assert paper.peak_learning_rate == pytest.approx(0.256)
    assert (paper.batch_size, paper.epochs, paper.decay_factor, paper.decay_epochs) == (4096, 350, 0.97, 2.4)
    assert named("efficientnet", batch_size=256).peak_learning_rate == pytest.approx(0.016)


@pytest.mark.parametrize("name", recipe.names())
def test_canonical_text_is_one_per_recipe(name: str) -> None:
    text = named(name).canonical()
    assert parse(text) == named(name)
    assert parse(text).canonical() == text
    assert json.loads(text) == named(name).model_dump()
    shuffled = dict(reversed(named(name).model_dump().items()))
    assert read(shuffled).canonical() == text


def test_a_whole_number_is_the_same_rate() -> None:
    assert named("fast", clip_norm=1).canonical() == named("fast", clip_norm=1.0).canonical()


def test_unknown_names_get_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'efficientnet'"):
        named("eficientnet")
    with pytest.raises(InputError, match="did you mean 'learning_rate'"):
        named("fast", learnin_rate=0.1)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("epochs", 0),
        ("epochs", "5"),
        ("epochs", True),
        ("learning_rate", -0.1),
        ("learning_rate", float("nan")),
        ("batch_size", 1.5),
        ("ema", 1.0),
        ("crop_padding", 0.6),
        ("schedule", "linear"),
        ("decay_epochs", 2.4),
        ("decay_factor", 0.9),
        ("warmup_epochs", 5.0),
        ("epsilon", None),
    ],
)
def test_bad_values_name_the_field(field: str, value: object) -> None:
    with pytest.raises(InputError, match=field):
        named("fast", **{field: value})


def test_a_missing_or_extra_key_is_refused() -> None:
    fields = named("fast").model_dump()
    with pytest.raises(InputError, match="momentum"):
        read({key: value for key, value in fields.items() if key != "momentum"})
    with pytest.raises(InputError, match="colour"):
        read(fields | {"colour": 1})


def test_other_lengths_stretch_the_schedule() -> None:
    short = named("efficientnet", epochs=35)
    assert (short.warmup_epochs, short.decay_epochs) == (pytest.approx(0.5), pytest.approx(0.24))
    assert named("efficientnet", epochs=35, warmup_epochs=3.0).warmup_epochs == 3.0


def test_recipes_load_no_accelerator_library() -> None:
    code = (
        "import sys, scaling_search.training.recipe; assert not {'jax', 'optax', 'flax'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_another_optimizer_or_schedule_is_one_word() -> None:
    """A study file has no None to say."""
    plain = named("fast", optimizer="sgd", learning_rate=0.1)
    assert (plain.square_decay, plain.epsilon, plain.optimizer) == (None, None, "sgd")
    smooth = named("efficientnet", schedule="cosine")
    assert (smooth.decay_factor, smooth.decay_epochs) == (None, None)
    with pytest.raises(InputError, match="square_decay is not for"):
        named("fast", optimizer="sgd", square_decay=0.9)
    with pytest.raises(InputError, match="decay_factor is needed"):
        named("fast", schedule="staircase")
