"""Everything built in, counted against the figures that others published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scaling_search.architecture.network import Network
from scaling_search.baselines.load import baseline, names
from scaling_search.costs import published
from scaling_search.costs.count import cost, count
from scaling_search.errors import InputError
from scaling_search.scaling.scale import scale

WORDS = {
    "parameters": "parameters",
    "batch_stats": "statistics",
    "macs": "MACs",
    "activations": "activations",
}
# What tells printed rows apart; two sources may print the same network.
_PRINTED = ("network", "depth", "width", "resolution", "source")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure of a built-in network, ours and published."""

    network: str
    figure: str
    ours: int
    published: int
    source: str

    @property
    def verdict(self) -> str:
        return "exact" if self.ours == self.published else "differs"


@dataclass(frozen=True, kw_only=True)
class Recount:
    """MACs that a publication prints, counted again: agrees within half a unit of its last printed digit."""

    what: str
    ours: int
    published: int
    rounded_to: int
    source: str
    note: str | None

    @property
    def verdict(self) -> str:
        return "agrees" if 2 * abs(self.ours - self.published) <= self.rounded_to else "differs"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A contradiction, with the printed figures that show it."""

    text: str
    figures: tuple[Recount, ...]


@dataclass(frozen=True, kw_only=True)
class Verification:
    """All of it. `unpublished` are built-in networks without a published row."""

    figures: tuple[Figure, ...]
    unpublished: tuple[str, ...]
    recounts: tuple[Recount, ...]
    findings: tuple[Finding, ...]

    @property
    def exact(self) -> bool:
        """Whether every built-in network has published figures and matches them to the unit."""
        return not self.unpublished and all(figure.verdict == "exact" for figure in self.figures)


def verify() -> Verification:
    """Counts every built-in network, and every scaled network and module whose figures are on record."""
    known = published.exact()
    recounts = {tuple(getattr(row, key) for key in _PRINTED): recount(row) for row in published.printed()}
    recounts |= {(module.name,): recount_module(module) for module in published.modules()}
    return Verification(
        figures=tuple(
            figure for name in names() if name in known for figure in figures_of(baseline(name), known[name])
        ),
        unpublished=tuple(name for name in names() if name not in known),
        recounts=tuple(recounts.values()),
        findings=tuple(
            Finding(text=found.finding, figures=tuple(_named(figure, recounts) for figure in found.figures))
            for found in published.contradictions()
        ),
    )


def figures_of(network: Network, row: published.Exact) -> list[Figure]:
    """Ours beside the published ones, for each figure that was published."""
    counted = cost(network)
    return [
        Figure(
            network=network.name, figure=key, ours=getattr(counted, key), published=theirs, source=row.source
        )
        for key in WORDS
        if (theirs := getattr(row, key)) is not None
    ]


def recount(row: published.Printed) -> Recount:
    """The scaled network of a printed row, counted."""
    base = baseline(row.network)
    network = scale(
        base, depth=row.depth, width=row.width, resolution=row.resolution / base.resolution, name=row.network
    )
    factors = "".join(
        f", {word} x{factor:g}"
        for word, factor in (("depth", row.depth), ("width", row.width))
        if factor != 1
    )
    return Recount(
        what=f"{row.network}{factors}, {row.resolution} px",
        ours=cost(network).macs,
        published=row.macs,
        rounded_to=row.rounded_to,
        source=row.source,
        note=row.note,
    )


def recount_module(module: published.Module) -> Recount:
    """A module on its own, counted."""
    counted, _ = count(module.operation(), module.input)
    return Recount(
        what=module.name,
        ours=counted.macs,
        published=module.macs,
        rounded_to=module.rounded_to,
        source=module.source,
        note=module.note,
    )


def _named(figure: dict[str, object], recounts: Mapping[tuple[object, ...], Recount]) -> Recount:
    """The recount that a contradiction names."""
    found = recounts.get(tuple(figure[key] for key in (("module",) if "module" in figure else _PRINTED)))
    if found is None:
        raise InputError(f"published.json: a contradiction names {figure}, which is no printed row")
    return found
