"""`scaling-search predict`: what trained networks say of images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scaling_search.cli import inputs, options


def predict(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="MEMBER... IMAGES",
            help="Members (phi=2 or best of a study's family, winner of its search, or an exported folder; several are "
            "an ensemble), then an image, a folder (class subfolders are labels) or a data set (its test split, or "
            "NAME:validation).",
        ),
    ],
    study: options.StudyName = None,
    coefficients: options.OfTriple = None,
    family: options.OfKind = None,
    factors: options.OfFactors = None,
    seed: Annotated[
        list[int] | None,
        typer.Option(
            "--seed",
            help="Of members, this seed (0, 1, ...); again for more. Default: the best by validation.",
        ),
    ] = None,
    weights: options.Weights = None,
    moments: options.Mean = None,
    deviations: options.Std = None,
    class_names: options.ClassNames = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="text, markdown, csv, json, latex or html. Default: by the ending of --output, else text.",
        ),
    ] = None,
    output: options.Output = None,
    maps: Annotated[
        Path | None,
        options.path(
            "--maps", "A folder for class activation maps: what each member looks at in each image (PNG)."
        ),
    ] = None,
    checkpoints: options.Checkpoints = None,
    ledger: options.Ledger = options.DEFAULT_LEDGER,
    as_json: options.Json = False,
    details: options.Details = False,
) -> None:
    """The likeliest classes of images, their accuracy where classes are known, and what the networks look at."""
    from scaling_search.cli.progress import say
    from scaling_search.cli.work import find_members
    from scaling_search.errors import UsageError
    from scaling_search.report.formats.json import dumps
    from scaling_search.report.render import form_of, render, show, write
    from scaling_search.search.members.evaluation import record
    from scaling_search.search.members.images import left_out
    from scaling_search.search.members.predict import predict as use_case
    from scaling_search.search.tables import prediction_table
    from scaling_search.system.files import save

    if len(what) < 2:
        raise UsageError("give at least one member and what to predict: scaling-search predict phi=2 IMAGES")
    *names, source = what
    about = inputs.metadata(moments, deviations, class_names)
    with find_members(
        ledger,
        names,
        study=study,
        coefficients=coefficients,
        family=family,
        factors=factors,
        seeds=seed or [],
        weights=weights,
        metadata=about,
        checkpoints=checkpoints,
    ) as (opened, members):
        found = use_case(members, source)
        if opened is not None:
            record(opened, found)
    if maps is not None:
        from scaling_search.search.members.maps import write_maps

        for line in write_maps(found, maps):
            say(line)
    form = "json" if as_json else form_of(form, output)
    if form == "csv" and found.images.left_out:
        say(f"left out: {left_out(found.images.left_out)}")
    if form == "json":
        text = dumps(prediction_table.record(found))
    elif output is None:
        show(prediction_table.document(found), form, details=details)
        return
    else:
        text = render(prediction_table.document(found), form, details=details)
    write(text) if output is None else save(text, output)
