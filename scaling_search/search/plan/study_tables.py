"""The tables of a study file: data, proxy, grid, family and limits. `described` says what the reference says."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from scaling_search.architecture.schema import Strict, described
from scaling_search.errors import UsageError
from scaling_search.scaling.coefficients import parse_phi, parse_values

_DURATION = re.compile(r"\s*(?:(\d+)\s*h)?\s*(?:(\d+)\s*m(?:in)?)?\s*(?:(\d+(?:\.\d+)?)\s*s)?\s*")


def parse_duration(given: object) -> float:
    """Seconds of `90s`, `30m`, `1h30m`, or of a number of seconds. Errors: UsageError naming what was given.

    >>> parse_duration("1h30m"), parse_duration("90s"), parse_duration(2)
    (5400.0, 90.0, 2.0)
    """
    text = str(given)[:40]
    found = _DURATION.fullmatch(text)
    if found and any(found.groups()):
        hours, minutes, seconds = (float(part or 0) for part in found.groups())
        total = 3600 * hours + 60 * minutes + seconds
    else:
        try:
            total = float(text)
        except ValueError:
            total = 0.0
    if not 0 < total <= 1e9:
        raise UsageError(f"{text!r} is no duration: write 90s, 30m, 1h30m, or a number of seconds")
    return total


def _parsed(parse: Callable[[object], Any]) -> BeforeValidator:
    """A field that is read once: what the file says becomes the value, a fault one of pydantic's."""

    def read(given: object) -> Any:
        try:
            return parse(given)
        except UsageError as error:
            raise PydanticCustomError("value", "{m}", {"m": str(error)}) from None

    return BeforeValidator(read)


Positive = Annotated[float, Field(gt=0, le=1e6)]
Limit = Annotated[float, Field(gt=0, le=1e18)]
Seconds = Annotated[float, _parsed(parse_duration)]
Coefficient = Annotated[tuple[float, ...], _parsed(parse_values)]
Phis = Annotated[tuple[float, ...], _parsed(parse_phi)]
Seeds = Annotated[int, Field(ge=1, le=1000)]


class Data(Strict):
    """`[dataset]`: the data set, and what of its training images validates."""

    name: Annotated[str, described("name", "A prepared data set.", min_length=1)]
    validation: Annotated[
        float,
        described(
            "share", "Of each class's training images, how many are held out for validation.", gt=0, lt=1
        ),
    ] = 0.2
    split_seed: Annotated[
        int, described("number", "Another number holds out other images.", ge=0, lt=2**31)
    ] = 0


class Proxy(Strict):
    """`[proxy]`: the small-image stand-in that is searched in place of the baseline; see `scaling.proxy`."""

    resolution: Annotated[int, described("pixels", "Side of its images at φ = 0.", ge=4, le=4096)]
    width: Annotated[Positive, described("factor", "Its widths over the baseline's.")] = 1.0
    depth: Annotated[Positive, described("factor", "Its depths over the baseline's.")] = 1.0


class Grid(Strict):
    """`[grid]`: all triples under |α·β²·γ² − 2| < tolerance, built at each φ, and how they are compared.

    Another `budget` takes the place of the MACs in all of this, and its exponents that of 1, 2, 2 (`plan.budget`).
    """

    phi: Annotated[Phis, described("φ", "Where candidates are built and compared.")] = (1.0,)
    alpha: Annotated[Coefficient, described("factor", "Depth coefficients to try.")] = parse_values("1:2:0.1")
    beta: Annotated[Coefficient, described("factor", "Width coefficients to try.")] = parse_values(
        "1:1.5:0.1"
    )
    gamma: Annotated[
        Coefficient, described("factor", "Resolution coefficients to try; 1 alone holds the resolution.")
    ] = parse_values("1:1.5:0.1")
    tolerance: Annotated[float, described("factor", "How far α·β²·γ² may lie from 2.", gt=0, le=2)] = 0.1
    match: Annotated[
        Literal["realised", "nominal"],
        described(
            "name", "realised: equal real cost, resolutions adjusted; nominal: the paper's grid as it stands."
        ),
    ] = "realised"
    budget: Annotated[
        Literal["macs", "parameters", "activations", "memory", "latency"],
        described("name", "The cost that candidates have equal."),
    ] = "macs"
    macs_tolerance: Annotated[
        float, described("share", "How far the real cost may lie from the target.", gt=0, lt=1)
    ] = 0.1
    seeds: Annotated[
        Seeds, described("trials", "Seeds of each candidate at most; fewer than 3 decide nothing.")
    ] = 3
    racing: Annotated[
        bool, described("true or false", "Whether candidates that are shown to be worse stop early.")
    ] = True
    indifference: Annotated[
        float | None,
        described(
            "share",
            "Accuracy that nobody would pay for; unless given, half a point (0.005), or what the images can show.",
            gt=0,
            lt=1,
        ),
    ] = None
    metric: Annotated[
        Literal["accuracy", "balanced-accuracy"],
        described("name", "What candidates are compared by; balanced: the mean over classes."),
    ] = "accuracy"
    screening_epochs: Annotated[
        int | None,
        described("epochs", "Of a low-fidelity screening before the race; none unless given.", ge=1),
    ] = None


class Family(Strict):
    """`[scale]`: the extrapolation. Seeds are fresh ones, so the winner is measured by runs that did not choose it."""

    phi: Annotated[Phis, described("φ", "The members.")] = parse_phi("0..7")
    seeds: Annotated[Seeds, described("trials", "Seeds of each member.")] = 2
    train: Annotated[
        Literal["proxy", "full", "none"] | None,
        described(
            "name",
            "Which family is trained; unless given, the proxy's where the study has one, else the full one.",
        ),
    ] = None
    factors: Annotated[
        Literal["nominal", "realised"],
        described("name", "What is raised to the power φ: the triple, or the factors that it built."),
    ] = "nominal"
    member_time_limit: Annotated[
        Seconds,
        described(
            "seconds", "A member whose seed takes longer is written, not trained; also `30m` or `1h30m`."
        ),
    ] = 1800.0
    keep_weights: Annotated[
        Literal["none", "best", "all"],
        described(
            "name", "Weights kept of each member: none, of its best seed by validation, or of all seeds."
        ),
    ] = "best"


class Limits(Strict):
    """`[limits]`: what no network may exceed, at any φ: one that does is no candidate, and no trained member."""

    macs: Annotated[Limit | None, described("multiply-adds", "Of one image.")] = None
    parameters: Annotated[Limit | None, described("scalars", "Trainable parameters.")] = None
    activations: Annotated[
        Limit | None,
        described("scalars", "Outputs of convolutions, dense and pooling layers for one image."),
    ] = None
    memory: Annotated[Limit | None, described("bytes", "Of a training step at the recipe's batch size.")] = (
        None
    )
    latency: Annotated[Limit | None, described("seconds", "Of a training step on this device.")] = None
