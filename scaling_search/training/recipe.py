"""How a network is trained, in one frozen, canonical record: the second part of a trial's key.

Nothing here loads an accelerator library, so plans and reports can read recipes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from scaling_search.architecture.faults import explain
from scaling_search.architecture.schema import described, digest, written
from scaling_search.errors import InputError, shorten, suggest
from scaling_search.training import rules

FORMAT = 1

Fraction = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(gt=0, le=rules.MOST)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Recipe(BaseModel):
    """Everything that decides a training run except network, data and seed. Each field says its unit and meaning.

    Horizons are numbers of training images, so that neither batch size nor set size changes what they mean; each is
    at most a tenth of the run (`optimizer.horizon`).

    A field of format 1 has no default here: the named recipes state all of them, and the fingerprint covers all of
    them. A field added later is marked with `schema.Later` and its neutral value: what was done before the field
    existed. The canonical text holds it only where it differs, so that old fingerprints stay.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    optimizer: Literal["adamw", "sgd", "rmsprop"] = described(
        "name", "The update rule; rmsprop is TensorFlow's."
    )
    learning_rate: Positive = described(
        "per 256 images",
        "The rate for a batch of 256; the peak rate is learning_rate * batch_size / 256 (Goyal et al. 2017, "
        "arXiv:1706.02677).",
    )
    momentum: Fraction = described("decay per step", "Momentum of sgd and rmsprop, beta 1 of adamw.")
    square_decay: Fraction | None = described(
        "decay per step", "Decay of rmsprop, beta 2 of adamw; sgd has none."
    )
    epsilon: Positive | None = described(
        "of a gradient", "Keeps adamw and rmsprop from dividing by 0; sgd has none."
    )
    weight_decay: NotNegative = described(
        "share per unit of rate (adamw), of the kernel (others)",
        'Acts on leaves named "kernel" only. adamw: decoupled, times the rate. sgd and rmsprop: an L2 term, '
        "weight_decay * kernel added to the gradient; the reported loss leaves it out.",
    )
    clip_norm: Positive | None = described(
        "gradient norm", "The largest global gradient norm; none does not clip."
    )
    batch_size: Count = described("images", "Images in a step, and so in each batch of normalisation.")
    epochs: Count = described(
        "passes", "Passes over the training images; what does not fill a batch is left out."
    )
    schedule: Literal["cosine", "staircase"] = described(
        "name",
        "After the warm-up, a half cosine from the peak rate to 0 at the end, or decay_factor ** floor(epoch / "
        "decay_epochs) times the peak.",
    )
    warmup_images: Annotated[int, Field(ge=0)] = described(
        "images", "Images during which the rate rises linearly from 0; at most a tenth of the run."
    )
    decay_factor: Annotated[float, Field(gt=0, le=1)] | None = described(
        "factor", "Of one step of the staircase."
    )
    decay_epochs: Positive | None = described("epochs", "From one step of the staircase to the next.")
    label_smoothing: Fraction = described(
        "probability", "Spread evenly over all classes in the training loss (Szegedy et al. 2016)."
    )
    ema_images: Count | None = described(
        "images",
        "How far back the moving average of weights and statistics looks, by which a run is judged; at most a tenth "
        "of the run. none: the last weights themselves.",
    )
    crop_padding: Annotated[float, Field(ge=0, le=0.5)] = described(
        "share of the side", "Each image is shifted at random by up to so much, its edge repeated."
    )
    flip: bool = described("true or false", "Mirror half of the images left to right.")
    init: Literal["reference", "small-head"] = described(
        "name",
        "How weights begin: as the papers' code draws them, or with a last layer small enough that a network of any "
        "size starts near ln(classes) (`networks.initial`).",
    )
    initial_weights: Sha256 | None = described(
        "SHA-256",
        "Of the file of weights that training starts from (`--weights`), where shapes are the same; none: all are "
        "drawn by init.",
    )
    frozen: tuple[str, ...] = described(
        "paths", "Parts whose weights are not trained; [] alone is legal.", strict=False
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
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

    def steps_per_epoch(self, images: int) -> int:
        """Whole batches in ``images`` training images. Raises InputError where there is none, or a run has too many."""
        if self.batch_size > images:
            raise InputError(
                f"recipe: batch_size {self.batch_size} is more than the {images} training images"
            )
        each = images // self.batch_size
        if self.epochs * each > rules.MOST:
            raise InputError(
                f"recipe: epochs {shorten(str(self.epochs))} of {each:,} steps are more than the {rules.MOST:,} steps "
                "that a run can have"
            )
        return each

    def steps(self, images: int) -> int:
        """Steps of the whole run on ``images`` training images. Raises InputError as `steps_per_epoch`."""
        return self.epochs * self.steps_per_epoch(images)

    def canonical(self) -> str:
        """One JSON text per recipe: sorted keys, no spaces, every float written as a float."""
        text = {"format": FORMAT, **written(self)}
        return json.dumps(text, sort_keys=True, separators=(",", ":"), allow_nan=False)

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the canonical text."""
        return digest(self.canonical())


def names() -> tuple[str, ...]:
    """The recipes that come with the program."""
    return tuple(rules.RULES)


def named(name: str, *, images: int | None = None, **overrides: Any) -> Recipe:
    """The recipe of this name for so many training images, with fields replaced.

    ``fast`` follows the data: how long, in which batches, and whether images are shifted (`rules`). What is given is
    kept and the rest follows it: with other ``epochs`` the staircase keeps its share of the run (the paper's 2.4
    epochs of 350 would never decay in a run of 5); fields that another ``optimizer`` or ``schedule`` does not have
    are dropped. Without ``images`` (a study that is read before its data are known) it is the recipe for
    `rules.UNKNOWN` of them.

    Raises InputError for an unknown name or field, and for values that no recipe can have.

    >>> named("fast", images=1000).batch_size, named("fast", images=60_000).batch_size
    (16, 64)
    """
    if name not in rules.RULES:
        raise InputError(suggest("recipe", name, names()))
    unknown = sorted(overrides.keys() - Recipe.model_fields)
    told = [suggest("recipe field", key, Recipe.model_fields) for key in unknown]
    known = {key: value for key, value in overrides.items() if key not in unknown}
    try:
        fields = rules.fields(name, rules.UNKNOWN if images is None else images, known)
        found = read(fields | dict.fromkeys(_not_for(fields)) | known)
    except InputError as error:
        raise InputError("\n".join([*told, str(error)])) from None
    if told:
        raise InputError("\n".join(told))
    return found


def _not_for(fields: dict[str, Any]) -> tuple[str, ...]:
    """Fields that this optimizer and schedule do not have: a study file cannot say None, so they go unasked."""
    unused: tuple[str, ...] = ()
    if fields["optimizer"] == "sgd":
        unused += ("square_decay", "epsilon")
    if fields["schedule"] == "cosine":
        unused += ("decay_factor", "decay_epochs")
    return unused


def too_short(recipe: Recipe, images: int) -> str | None:
    """A sentence where a run on ``images`` training images is under a quarter of what ``fast`` would take, else None.

    Raises InputError as `Recipe.steps`.
    """
    usual = named("fast", images=images)
    taken = [(one.steps(images), one.steps(images) * one.batch_size) for one in (recipe, usual)]
    (steps, seen), (usual_steps, usual_seen) = taken
    if 4 * seen >= usual_seen and 4 * steps >= rules.LEAST_STEPS:
        return None
    return (
        f"a run is {steps:,} steps and sees {seen:,} images: recipe fast would take {usual_steps:,} steps and see "
        f"{usual_seen:,}; after so few, networks rank by how fast they start to learn, not by how well they end"
    )


def read(fields: dict[str, Any]) -> Recipe:
    """A recipe from its fields. Raises InputError naming each field at fault."""
    try:
        return Recipe.model_validate(fields)
    except ValidationError as error:
        raise explain(error, "", within="recipe") from error


def parse(text: str) -> Recipe:
    """The recipe of a canonical JSON text (as a ledger row holds it). Raises InputError."""
    try:
        fields = json.loads(text)
        form = fields.pop("format", None)
    except (ValueError, AttributeError, TypeError) as error:
        raise InputError("recipe: not the canonical text of one") from error
    if form != FORMAT:
        raise InputError(f"recipe: format {form!r}; this version of the program knows format {FORMAT}")
    return read(fields)


def as_long(texts: Iterable[str], recipe: Recipe) -> set[str]:
    """Those of the canonical texts that take as long as ``recipe``: they differ from it in the rate at most."""
    return {
        text
        for text in set(texts)
        if parse(text).model_copy(update={"learning_rate": recipe.learning_rate}) == recipe
    }
