"""A document that answers first: seven columns, the rest folded away."""

from __future__ import annotations

from scaling_search.report import columns
from scaling_search.report.table import Details, Document, Estimate, Interval, Row, Table

TRIPLES = ((1.2, 1.1, 1.15), (1.95, 1.0, 1.0), (1.0, 1.4, 1.0))


def document() -> Document:
    """Three candidates, one of them not measured."""
    cells = [
        {
            "alpha": alpha,
            "beta": beta,
            "gamma": gamma,
            "verdict": verdict,
            "accuracy": accuracy,
            "behind": behind,
            "macs": macs,
            "parameters": 150_112 + i,
            "depth": "2-3-4",
            "reason": None if i else "γ = 1.15 was built as 37 px",
        }
        for i, ((alpha, beta, gamma), verdict, accuracy, behind, macs) in enumerate(
            zip(
                TRIPLES,
                ("winner", "in the set", "waiting"),
                (
                    Estimate(mean=0.9710, sd=0.0022, seeds=3),
                    Estimate(mean=0.9684, sd=0.0021, seeds=3),
                    None,
                ),
                (
                    Interval(value=0.0, low=0.0, high=0.0031),
                    Interval(value=0.0026, low=0.0, high=0.0071),
                    None,
                ),
                (4_301_230, 4_116_480, 4_000_111),
                strict=True,
            )
        )
    ]
    layout = (
        *(
            columns.coefficient(key, title, [cell[key] for cell in cells], identifies=True)  # type: ignore[misc]
            for key, title in (("alpha", "α"), ("beta", "β"), ("gamma", "γ"))
        ),
        columns.name("verdict", "Verdict"),
        columns.estimate("accuracy", "Validation accuracy", ("accuracy_mean", "accuracy_sd", "seeds")),
        columns.interval("behind", "Points behind the best", ("behind", "behind_low", "behind_high")),
        columns.millions("macs", "MACs", [cell["macs"] for cell in cells]),  # type: ignore[misc]
        columns.millions(
            "parameters",
            "Parameters",
            [float(cell["parameters"]) for cell in cells],
            place="details",  # type: ignore[arg-type]
        ),
        columns.name("depth", "Depth", place="details"),
        columns.remark("reason", "Remark", place="details"),
    )
    rounds = Table(
        name="rounds",
        title="Rounds of the race",
        columns=(columns.integer("round", "Round"), columns.integer("in", "In")),
        rows=tuple(Row(cells={"round": number, "in": 3}) for number in (1, 2)),
        notes=("A round is one more seed for every candidate still in.",),
    )
    return Document(
        title="Scaling search: digits",
        answer=(
            "Scale by (1.2, 1.1, 1.15): depth × 1.2, width × 1.1, resolution × 1.15 for twice the MACs.",
            "It is at most 0.31 points behind the best (at 95 %); 1 other candidate may be the best.",
            "Next: `scaling-search scale digits.toml --phi 0..3`",
        ),
        tables=(
            Table(
                name="grid",
                title="Candidates",
                columns=layout,
                rows=tuple(Row(cells=c, emphasis="plain" if i else "strong") for i, c in enumerate(cells)),
                most=2,
            ),
        ),
        notes=("Accuracy is on the validation split.",),
        details=Details(tables=(rounds,), notes=("± is the sample standard deviation over seeds.",)),
    )
