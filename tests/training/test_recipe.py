"""Recipes: canonical text, refusals that name the field, the paper's numbers."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_search.architecture.schema import Later
from scaling_search.errors import InputError
from scaling_search.training import recipe, rules
from scaling_search.training.recipe import Recipe, named, parse, read, too_short
from tests.architecture.goldens import RECIPES


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
    written = json.loads(text)
    assert written.pop("format") == 1
    assert set(written) == set(Recipe.model_fields), "all fields, whatever their values"
    shuffled = dict(reversed(named(name).model_dump().items()))
    assert read(shuffled).canonical() == text
    assert named(name).fingerprint == hashlib.sha256(text.encode()).hexdigest()


class Newer(Recipe):
    """A recipe as a later version may have it: one field more, whose neutral value is what is done today."""

    mixup: Annotated[float, Later(0.0)] = 0.1


@pytest.mark.parametrize(("name", "images"), RECIPES)
def test_a_field_added_later_moves_no_fingerprint(name: str, images: int) -> None:
    today = named(name, images=images)
    later = Newer(**today.model_dump(), mixup=0.0)
    assert later.canonical() == today.canonical()
    assert later.model_copy(update={"mixup": 0.2}).canonical() != today.canonical()
    assert Newer(**today.model_dump()).canonical() != today.canonical(), "a default is not what is neutral"


def test_a_changed_value_moves_the_fingerprint() -> None:
    today = named("fast", images=1000)
    others = {
        "init": "reference", "initial_weights": "0" * 64, "frozen": ("stem",), "flip": True, "ema_images": None,
        "warmup_images": 0, "epochs": 3, "crop_padding": 0.1,
    }  # fmt: skip
    moved = {today.model_copy(update={key: value}).fingerprint for key, value in others.items()}
    assert len(moved | {today.fingerprint}) == len(others) + 1


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format":2}', named("fast").canonical().replace(':1,"', ':2,"', 1)]
)
def test_a_text_of_another_format_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"recipe: (format|not the canonical text)"):
        parse(text)


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
        ("warmup_images", -1),
        ("warmup_images", 0.5),
        ("ema_images", 0),
        ("init", "zero"),
        ("initial_weights", "abc"),
        ("frozen", "stem"),
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


def test_other_lengths_stretch_the_staircase() -> None:
    short = named("efficientnet", epochs=35)
    assert short.decay_epochs == pytest.approx(0.24)
    assert named("efficientnet", epochs=35, decay_epochs=3.0).decay_epochs == 3.0


@given(images=st.integers(1, 10**8))
def test_any_number_of_images_has_a_recipe(images: int) -> None:
    chosen = named("fast", images=images)
    assert chosen.batch_size <= min(images, rules.LARGEST_BATCH)
    assert chosen.steps(images) >= rules.LEAST_STEPS
    assert chosen.steps(images) * chosen.batch_size > 0.49 * rules.SEEN * images ** (2 / 3)
    assert too_short(chosen, images) is None


@given(images=st.integers(1, 10**6), more=st.floats(1, 100))
def test_a_smaller_set_gets_more_epochs_and_smaller_batches(images: int, more: float) -> None:
    small, large = named("fast", images=images), named("fast", images=int(images * more))
    assert small.epochs >= large.epochs
    assert small.batch_size <= large.batch_size


def test_what_is_given_is_kept_and_the_rest_follows() -> None:
    given = named("fast", images=1000, epochs=3, batch_size=64)
    assert (given.epochs, given.batch_size) == (3, 64)
    assert named("fast", images=1000, epochs=3).batch_size == 16
    # Larger batches are fewer steps a pass, and so more passes.
    larger = named("fast", images=1000, batch_size=500)
    assert larger.steps(1000) >= rules.LEAST_STEPS
    assert larger.learning_rate == pytest.approx(rules.PEAK * (256 / 500) ** 0.5, abs=1e-4)
    assert named("fast", images=1000, learning_rate=0.3, crop_padding=0.2).learning_rate == 0.3
    with pytest.raises(InputError, match="epochs"):
        named("fast", images=1000, epochs="3")


def test_images_are_shifted_in_long_runs_alone() -> None:
    assert named("fast", images=1000, epochs=rules.SHIFT_FROM - 1).crop_padding == 0
    assert named("fast", images=1000, epochs=rules.SHIFT_FROM).crop_padding == 0.0625
    assert named("fast", images=1000, epochs=1, crop_padding=0.1).crop_padding == 0.1


def test_a_run_that_is_too_short_is_said_so() -> None:
    """The study that was packaged until now: 63 steps."""
    packaged = named("fast", images=1004, epochs=4, batch_size=64)
    assert packaged.steps(1004) == 60
    said = too_short(packaged, 1004)
    assert said is not None
    assert said.startswith("a run is 60 steps and sees 3,840 images: recipe fast would take ")
    assert too_short(named("fast", images=1004, epochs=8), 1004) is None
    with pytest.raises(InputError, match="batch_size 64 is more than the 10 training images"):
        too_short(packaged, 10)


def test_every_field_says_its_unit_meaning_and_defaults() -> None:
    for name, field in Recipe.model_fields.items():
        assert field.description, name
        assert isinstance(field.json_schema_extra, dict)
        assert field.json_schema_extra["unit"], name
        for rule in rules.RULES.values():
            assert (name in rule.constants) != (name in rule.said), name


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
