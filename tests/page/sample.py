"""Reports as a search would fill them, made up: decided, undecided, all at chance, alone, a thousand, hostile names."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from PIL import Image

from scaling_search.report.page.data import (
    ActivationMap,
    Candidate,
    MappedImage,
    Network,
    ReportData,
    Results,
)
from scaling_search.report.table import Estimate
from tests.page.made_up import study
from tests.page.trained import BASE_MACS, CLASSES, COSTS, curves

HOSTILE = (
    "</script><script>window.hacked = 1</script>",
    '"><img src=x onerror="window.hacked = 2">',
    "<!-- <b>net</b> -->",
    '=HYPERLINK("http://example.invalid")',
    "\u202egnp.exe\u202c\u200b",
    "a'b\"c`d\\u003c${1+1}&amp;\u2028",
)


def decided() -> ReportData:
    """One candidate is alone at the front: the surface says where, the race stopped most of the others."""
    return study(candidates=24, gap=0.05, seed=4, error=0.0006)


def undecided() -> ReportData:
    """Nothing to tell them apart: no optimum, most are still in the set after 24 rounds. With activation maps."""
    maps = tuple(ActivationMap(member=f"φ = {phi}", predicted="Coat", png=_png(phi + 1)) for phi in range(3))
    shown = MappedImage(name="test-0017", label="Shirt", png=_png(0), maps=maps)
    return replace(study(candidates=18, gap=0.002, seed=11, seeds=24), images=(shown,))


def at_chance() -> ReportData:
    """No network learned: accuracies, but no interval, no surface, no race, no family."""
    data = study(candidates=8, gap=0.0, seed=3)
    bad = tuple(
        replace(
            one,
            standing="not ranked",
            verdict="at chance",
            behind=None,
            eliminated=None,
            remark="every seed ended at 10.0 to 10.6 %, guessing gives 10.0 %",
            results=Results(
                validation=Estimate(mean=0.103, sd=0.003, seeds=2), curves=curves(0.1, 2, 6, number)
            ),
        )
        for number, one in enumerate(data.candidates)
    )
    return replace(
        data,
        answer=(
            "No answer: none of the 8 candidates learned more than guessing (10.0 %).",
            "The recipe does not suit these networks: 6 epochs at a learning rate of 0.4.",
            "Next: `scaling-search recipe fashion.toml`",
        ),
        candidates=bad,
        base=replace(
            bad[0],
            key="base",
            network=Network(name="efficientnet-b0@16px", costs={"macs": BASE_MACS}),
            shares=None,
            triple=None,
            standing="base",
            verdict="base, at chance",
        ),
        surface=None,
        race=(),
        families=(),
        forecasts=(),
    )


def alone() -> ReportData:
    """A lone candidate of one seed, nothing else known: whatever is missing is None."""
    only = Candidate(
        key="only",
        network=Network(name="resnet-56@phi=1", costs={"macs": 4.2e6}),
        standing="winner",
        verdict="trained",
        triple=(1.2, 1.1, 1.15),
        results=Results(validation=Estimate(mean=0.91, sd=None, seeds=1)),
    )
    return ReportData(
        title="Lone",
        answer=("(1.2, 1.1, 1.15) is the only candidate: nothing was compared.",),
        candidates=(only,),
        costs=COSTS,
        dataset="digits",
        baseline="resnet-56",
    )


def thousand() -> ReportData:
    """1,000 candidates of 3 seeds and 30 epochs."""
    return study(candidates=1000, gap=0.05, seed=1, seeds=3, epochs=30)


def hostile() -> ReportData:
    """Names that try to leave their place: in candidates, classes, facts, notes and the answer."""
    data = study(candidates=6, gap=0.02, seed=2)
    named = tuple(
        replace(one, network=replace(one.network, name=name), remark=name, key=name, eliminated=None)
        for one, name in zip(data.candidates, HOSTILE, strict=True)
    )
    keys = {one.key: name for one, name in zip(data.candidates, HOSTILE, strict=True)}
    race = tuple(
        replace(one, tests=tuple(replace(test, candidate=keys[test.candidate]) for test in one.tests))
        for one in data.race
    )
    families = tuple(
        replace(one, name=HOSTILE[0], candidate=keys.get(str(one.candidate))) for one in data.families
    )
    return replace(
        data,
        title=HOSTILE[0],
        dataset=HOSTILE[1],
        baseline=HOSTILE[4],
        answer=tuple(f"Answer {name} `{name}`" for name in HOSTILE[:3]),
        candidates=named,
        classes=(*HOSTILE, *CLASSES[6:]),
        race=race,
        families=families,
        forecasts=(),
        notes=HOSTILE,
        facts={HOSTILE[0]: {HOSTILE[1]: HOSTILE[4]}},
    )


def _png(number: int) -> bytes:
    """A small picture: a bright spot on grey."""
    y, x = np.mgrid[:16, :16]
    spot = 255 * np.exp(-((x - 4 - 3 * number) ** 2 + (y - 8) ** 2) / 12)
    file = io.BytesIO()
    Image.fromarray(np.maximum(spot, 40).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


CASES = {
    "decided": decided,
    "undecided": undecided,
    "at_chance": at_chance,
    "alone": alone,
    "thousand": thousand,
    "hostile": hostile,
}
