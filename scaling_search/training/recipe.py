"""How a network is trained, in one frozen, canonical record: the second part of a trial's key.

Nothing here loads an accelerator library, so plans and reports can read recipes.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from scaling_search.errors import InputError, explain, suggest

Fraction = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Recipe(BaseModel):
    """Everything that decides a training run except network, data and seed.

    - ``learning_rate`` is **for a batch of 256** and scales linearly: the peak rate is
      ``learning_rate * batch_size / 256`` (Goyal et al. 2017, arXiv:1706.02677; the reference EfficientNet does the
      same).
    - ``momentum``: SGD and RMSProp momentum, Adam's β₁. ``square_decay``: RMSProp's decay, Adam's β₂; SGD has none.
    - ``weight_decay`` acts on leaves named "kernel" only. AdamW: decoupled, times the rate. SGD and RMSProp: an L2
      term, ``weight_decay * kernel`` added to the gradient; the reported loss leaves it out.
    - ``schedule``: linear warm-up over ``warmup_epochs``, then a half cosine to 0 at the end, or the staircase
      ``decay_factor ** floor(epoch / decay_epochs)``.
    - ``ema``: decay of the moving average of weights and statistics, an upper bound that is fitted to the run's
      length (`optimizer.average_decay`); None turns it off.
    - ``crop_padding``: a fraction of the image's side, so that every resolution sees the same relative shifts.
    - ``clip_norm``: the largest global gradient norm; None does not clip.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    optimizer: Literal["adamw", "sgd", "rmsprop"]
    learning_rate: Positive
    momentum: Fraction
    square_decay: Fraction | None
    epsilon: Positive | None
    weight_decay: NotNegative
    clip_norm: Positive | None
    batch_size: Annotated[int, Field(gt=0)]
    epochs: Annotated[int, Field(gt=0)]
    schedule: Literal["cosine", "staircase"]
    warmup_epochs: NotNegative
    decay_factor: Annotated[float, Field(gt=0, le=1)] | None
    decay_epochs: Positive | None
    label_smoothing: Fraction
    ema: Fraction | None
    crop_padding: Annotated[float, Field(ge=0, le=0.5)]
    flip: bool

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.warmup_epochs >= self.epochs:
            raise ValueError(
                f"warmup_epochs ({self.warmup_epochs:g}) must be less than epochs ({self.epochs})"
            )
        staircase = self.schedule == "staircase"
        for name in ("decay_factor", "decay_epochs"):
            if (getattr(self, name) is not None) != staircase:
                raise ValueError(f"{name} is {'needed' if staircase else 'only'} for schedule = 'staircase'")
        adaptive = self.optimizer != "sgd"
        for name in ("square_decay", "epsilon"):
            if (getattr(self, name) is not None) != adaptive:
                raise ValueError(
                    f"{name} is {'needed for' if adaptive else 'not for'} optimizer = {self.optimizer!r}"
                )
        return self

    @property
    def peak_learning_rate(self) -> float:
        """The highest rate of the run: ``learning_rate * batch_size / 256``."""
        return self.learning_rate * self.batch_size / 256

    def canonical(self) -> str:
        """One JSON text per recipe: sorted keys, no spaces, every float written as a float."""
        return json.dumps(self.model_dump(), sort_keys=True, separators=(",", ":"), allow_nan=False)


_RECIPES = {
    # The paper's section 5 and its released code: RMSProp, 0.256 at batch 4096 = 0.016 at 256, five epochs of
    # warm-up. Its AutoAugment and random-area crops are not part of it here; dropout and stochastic depth belong to
    # the network.
    "efficientnet": Recipe(
        optimizer="rmsprop",
        learning_rate=0.016,
        momentum=0.9,
        square_decay=0.9,
        epsilon=1e-3,
        weight_decay=1e-5,
        clip_norm=None,
        batch_size=4096,
        epochs=350,
        schedule="staircase",
        warmup_epochs=5.0,
        decay_factor=0.97,
        decay_epochs=2.4,
        label_smoothing=0.1,
        ema=0.9999,
        crop_padding=0.125,
        flip=True,
    ),
    # No flip: it is wrong for digits and letters, and a study of photographs asks for it in one word.
    "fast": Recipe(
        optimizer="adamw",
        learning_rate=0.008,
        momentum=0.9,
        square_decay=0.99,
        epsilon=1e-8,
        weight_decay=0.05,
        clip_norm=1.0,
        batch_size=64,
        epochs=5,
        schedule="cosine",
        warmup_epochs=0.5,
        decay_factor=None,
        decay_epochs=None,
        label_smoothing=0.1,
        ema=0.999,
        crop_padding=0.0625,
        flip=False,
    ),
}


def names() -> tuple[str, ...]:
    """The recipes that come with the program."""
    return tuple(_RECIPES)


def named(name: str, **overrides: Any) -> Recipe:
    """The recipe of this name, with fields replaced.

    Another number of ``epochs`` stretches the schedule: ``warmup_epochs`` and ``decay_epochs`` keep their share of
    the run unless they are given too (the paper's 2.4 epochs of 350 would never decay in a run of 5). Fields that
    another ``optimizer`` or ``schedule`` does not have are dropped.

    Raises InputError for an unknown name or field, and for values that no recipe can have.
    """
    if name not in _RECIPES:
        raise InputError(suggest("recipe", name, names()))
    base = _RECIPES[name]
    for key in overrides:
        if key not in Recipe.model_fields:
            raise InputError(suggest("recipe field", key, Recipe.model_fields))
    fields = base.model_dump()
    epochs = overrides.get("epochs", base.epochs)
    if isinstance(epochs, int) and not isinstance(epochs, bool):
        for key in ("warmup_epochs", "decay_epochs"):
            if fields[key] is not None:
                fields[key] = fields[key] * epochs / base.epochs
    return read(fields | dict.fromkeys(_not_for(fields | overrides)) | overrides)


def _not_for(fields: dict[str, Any]) -> tuple[str, ...]:
    """Fields that this optimizer and schedule do not have: a study file cannot say None, so they go unasked."""
    unused: tuple[str, ...] = ()
    if fields["optimizer"] == "sgd":
        unused += ("square_decay", "epsilon")
    if fields["schedule"] == "cosine":
        unused += ("decay_factor", "decay_epochs")
    return unused


def read(fields: dict[str, Any]) -> Recipe:
    """A recipe from all of its fields. Raises InputError naming each field at fault."""
    try:
        return Recipe.model_validate(fields)
    except ValidationError as error:
        raise explain(error, "recipe") from error


def parse(text: str) -> Recipe:
    """The recipe of a canonical JSON text (as a ledger row holds it). Raises InputError."""
    try:
        return Recipe.model_validate_json(text)
    except ValidationError as error:
        raise explain(error, "recipe") from error
