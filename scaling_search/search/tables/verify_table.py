"""The verification as tables to print."""

from __future__ import annotations

from dataclasses import asdict

from scaling_search.report import columns
from scaling_search.report.table import Document, Row, Table
from scaling_search.search.audit.published_figures import WORDS, Recount, Verification

_RECOUNT = (
    columns.name("what", "What", identifies=True),
    columns.integer("ours", "Ours (MACs)"),
    columns.integer("published", "Published (MACs)"),
    columns.decimal("difference_percent", "Off by (%)", 1, sign=True),
    columns.name("verdict", "Verdict"),
)


def document(found: Verification, *, by_source: bool = False) -> Document:
    """Every built-in network, printed figures counted again (`by_source`: a table for each), contradictions."""
    if by_source:
        sources = dict.fromkeys(row.source for row in found.recounts)
        printed = [
            _printed(tuple(row for row in found.recounts if row.source == source), f"Printed: {source}")
            for source in sources
        ]
    else:
        printed = [_printed(found.recounts, "Rounded figures as printed, counted again")]
    return Document(
        title="Counted against published figures",
        tables=(_networks(found), *printed, _contradictions(found)),
        facts={
            "every figure exact": found.exact,
            "networks": len({figure.network for figure in found.figures}),
            "figures": len(found.figures),
        },
    )


def _networks(found: Verification) -> Table:
    rows = [
        Row(
            cells=asdict(figure)
            | {
                "figure": WORDS[figure.figure],
                "difference": figure.ours - figure.published,
                "verdict": figure.verdict,
            },
            emphasis="plain" if figure.verdict == "exact" else "strong",
        )
        for figure in found.figures
    ]
    layout = (
        columns.name("network", "Network", identifies=True),
        columns.name("figure", "Figure", identifies=True),
        columns.integer("ours", "Ours"),
        columns.integer("published", "Published"),
        columns.integer("difference", "Off by"),
        columns.name("verdict", "Verdict"),
        columns.hidden("source"),
    )
    notes = (
        "MACs are multiply-adds (what papers call FLOPs) for one image; statistics are batch-norm means and variances.",
        *(f"{name} has no published figures on record." for name in found.unpublished),
    )
    return Table(name="figures", title="Built-in networks", columns=layout, rows=tuple(rows), notes=notes)


def _recount_cells(row: Recount) -> dict[str, object]:
    return {
        "what": row.what,
        "ours": row.ours,
        "published": row.published,
        "difference_percent": 100 * (row.ours / row.published - 1),
        "verdict": row.verdict,
        "source": row.source,
    }


def _printed(recounts: tuple[Recount, ...], title: str) -> Table:
    rows = tuple(
        Row(
            cells=_recount_cells(row) | {"note": row.note},
            emphasis="plain" if row.verdict == "agrees" else "strong",
        )
        for row in recounts
    )
    return Table(
        name="printed",
        title=title,
        columns=(*_RECOUNT, columns.hidden("source"), columns.hidden("note")),
        rows=rows,
        notes=tuple(dict.fromkeys(f"{row.what}: {row.note}" for row in recounts if row.note is not None)),
    )


def _contradictions(found: Verification) -> Table:
    rows = tuple(
        Row(cells=_recount_cells(row) | {"finding": number})
        for number, finding in enumerate(found.findings, start=1)
        for row in finding.figures
    )
    layout = (columns.integer("finding", "No.", identifies=True), *_RECOUNT, columns.hidden("source"))
    return Table(
        name="contradictions",
        title="Published figures that contradict each other, or what they describe",
        columns=layout,
        rows=rows,
        notes=tuple(f"{number}. {finding.text}" for number, finding in enumerate(found.findings, start=1)),
    )
