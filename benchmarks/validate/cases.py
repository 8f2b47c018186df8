"""The planted cases of `make validate`: untidy searches whose answer is known, and what must hold for them.

The limits are those that were set for this rule: rates of 95 % for one test at 95 %, or all looks of a race together;
92 % where the winner itself scatters ten times as much as the others, for three seeds do not show how skewed that is;
93 % where two seeds are all there is. Sizes of sets are those that a rule found before was measured to have, and a
little.
"""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.validate import plasmode
from benchmarks.validate.operating_characteristics import Case, simulated
from scaling_search.racing.simulated_trainer import Surface

GAPS = {4: (0.0, 2.0, 2.0, 4.0), 8: (0.0, 2.0, 2.0, 2.0, 4.0, 4.0, 4.0, 4.0)}
NOISY = 10.0
# Searches of so many candidates take ten times as long.
_MANY, _FEWER = 66, 0.2
# 95 % and 5 % of the tests that decide, whatever the case.
USUAL = {"best_inside": 0.95, "false_unique": 0.05, "false_equivalent": 0.05}
CORRECTED = {"winner_coverage": 0.95, "difference_coverage": 0.95}
NOISY_WINNER = {"winner_coverage": 0.92, "difference_coverage": 0.92}


def equal(candidates: int) -> Surface:
    return Surface(name="equal", gaps=(0.0,) * candidates)


def noisy_best(candidates: int) -> Surface:
    """All equally good, the first ten times as noisy."""
    return Surface(name="noisy best", gaps=(0.0,) * candidates, scatter=(NOISY, *(1.0,) * (candidates - 1)))


def noisy_bad(candidates: int) -> Surface:
    """The worst of unequal candidates is ten times as noisy."""
    return Surface(name="noisy bad", gaps=GAPS[candidates], scatter=(*(1.0,) * (candidates - 1), NOISY))


def lognormal(candidates: int) -> Surface:
    """Equally good, each with an sd of its own."""
    return Surface(name="lognormal", gaps=(0.0,) * candidates, lognormal=0.7)


def gaps(candidates: int) -> Surface:
    return Surface(name="gaps", gaps=GAPS[candidates])


def collapsing(apart: tuple[float, ...]) -> Surface:
    """One training in ten ends at chance."""
    return Surface(name="collapsing", gaps=apart, collapse=0.1)


def cases() -> tuple[Case, ...]:
    """All of them; the most expensive first, so that two workers end together."""
    found = [*_sets(), *_races(), *_figures(), *_untidy(), *plasmode.cases(USUAL)]
    return tuple(sorted(found, key=lambda case: -len(case.names) * case.share * sum(case.seeds)))


def _sets() -> list[Case]:
    found = []
    for candidates in (4, 8, _MANY):
        share = _FEWER if candidates == _MANY else 1.0
        for seeds in (3, 5):
            found += [
                simulated(
                    "equal noise",
                    equal(candidates),
                    seeds,
                    share=share,
                    limits=USUAL | CORRECTED | {"width_ratio": 1.6},
                ),
                simulated(
                    "lognormal noise", lognormal(candidates), seeds, share=share, limits=USUAL | CORRECTED
                ),
                simulated(
                    "best 10x noisier",
                    noisy_best(candidates),
                    seeds,
                    share=share,
                    limits=USUAL | NOISY_WINNER,
                ),
            ]
    sizes: Mapping[int, tuple[float, float]] = {3: (3.6, 5.2), 5: (2.2, 3.4)}
    for seeds, (apart, bad) in sizes.items():
        found += [
            simulated("gaps of 2 and 4 sd", gaps(8), seeds, limits=USUAL | CORRECTED | {"set_size": apart}),
            simulated(
                "a bad one 10x noisier", noisy_bad(8), seeds, limits=USUAL | NOISY_WINNER | {"set_size": bad}
            ),
        ]
    two = {"best_inside": 0.93, "false_unique": 0.05}
    return [
        *found,
        simulated("equal noise", equal(8), 2, limits=two),
        simulated("lognormal noise", lognormal(8), 2, limits=two),
        simulated("best 10x noisier", noisy_best(8), 2, limits=two),
        simulated("gaps of 2 and 4 sd", gaps(8), 2, limits=two | {"set_size": 5.2}),
        simulated(
            "equal noise, 4000 images", equal(8), 3, images=4000, share=_FEWER, limits=USUAL | CORRECTED
        ),
        simulated(
            "best 10x noisier, 4000 images",
            noisy_best(8),
            3,
            images=4000,
            share=_FEWER,
            limits=USUAL | NOISY_WINNER,
        ),
    ]


def _races() -> list[Case]:
    lost = USUAL | {"race_best_lost": 0.05}
    return [
        simulated("race, best 10x noisier", noisy_best(8), 5, racing=True, limits=lost),
        simulated("race, best 10x noisier", noisy_best(4), 5, racing=True, limits=lost),
        simulated("race, equal noise", equal(8), 5, racing=True, limits=lost),
        simulated("race, lognormal noise", lognormal(8), 5, racing=True, limits=lost),
        simulated("race, gaps of 2 and 4 sd", gaps(8), 5, racing=True, limits=lost),
        simulated("race, a bad one 10x noisier", noisy_bad(8), 5, racing=True, limits=lost),
        simulated("extended 3, 5, 8; equal noise", equal(8), (3, 5, 8), limits=USUAL | CORRECTED),
        simulated(
            "extended 3, 5, 8; best 10x noisier", noisy_best(8), (3, 5, 8), limits=USUAL | NOISY_WINNER
        ),
        simulated("extended 3, 5, 8; gaps of 2 and 4 sd", gaps(8), (3, 5, 8), limits=USUAL | CORRECTED),
    ]


def _figures() -> list[Case]:
    close = Surface(name="close", gaps=(0.0, 0.5, 0.5, 0.5, 1.0, 1.0, 1.0, 1.0))
    beyond = Surface(name="beyond", gaps=(0.0, *(1.8,) * 3))
    clear = Surface(name="clear", gaps=(0.0, 4.0, 4.0, 4.0))
    noisy = Surface(name="clear", gaps=(0.0, 4.0, 4.0, 4.0), scatter=(NOISY, 1.0, 1.0, 1.0))
    return [
        simulated("one clear winner", clear, 5, images=2000, limits=USUAL | CORRECTED),
        simulated("one clear winner, 10x noisier", noisy, 3, images=2000, limits=USUAL | NOISY_WINNER),
        simulated(
            "lognormal noise, 2000 images",
            lognormal(12),
            3,
            images=2000,
            share=_FEWER,
            limits=USUAL | CORRECTED,
        ),
        simulated(
            "equal within one point",
            close,
            8,
            images=2000,
            indifference=0.01,
            share=_FEWER,
            limits=USUAL | CORRECTED,
        ),
        # Gaps of 1.21 points where 1.2 count as nothing: whatever passes for equal is not.
        simulated("just beyond 1.2 points", beyond, 5, images=2000, indifference=0.012, limits=USUAL),
        simulated(
            "race, just beyond 1.2 points",
            beyond,
            12,
            images=2000,
            indifference=0.012,
            racing=True,
            share=_FEWER,
            limits=USUAL,
        ),
        simulated(
            "race, equal within 1.5 points",
            close,
            12,
            racing=True,
            indifference=0.015,
            share=_FEWER,
            limits=USUAL,
        ),
        simulated(
            "best 10x noisier, within 2 points",
            noisy_best(8),
            5,
            indifference=0.02,
            limits=USUAL | NOISY_WINNER,
        ),
    ]


def _untidy() -> list[Case]:
    def grouped(size: int, spread: float = 0.0, seeds: int = 3, candidates: int = 8) -> tuple[Surface, int]:
        return Surface(name="groups", gaps=(0.0,) * candidates, group=size, group_spread=spread), seeds

    groups = USUAL | {"group_coverage": 0.92, "winner_coverage": 0.92}
    collapses = USUAL | {"winner_coverage": 0.93}
    return [
        simulated("25 groups of 20 images", *grouped(20), images=500, limits=groups),
        simulated("100 groups of 20 images", *grouped(20), images=2000, share=_FEWER, limits=groups),
        simulated("groups of lognormal sizes", *grouped(10, 0.7), images=1000, limits=groups),
        simulated("one seed in ten collapses", collapsing((0.0,) * 8), 3, limits=collapses),
        simulated("one seed in ten collapses", collapsing((0.0,) * 4), 5, limits=collapses),
        simulated("one in ten collapses; gaps", collapsing(GAPS[8]), 3, limits=USUAL | {"set_size": 5.0}),
        simulated(
            "classes 9 to 1, balanced accuracy",
            Surface(name="classes", gaps=(0.0,) * 8, classes=((0.9, 0.0), (0.1, -1.5))),
            3,
            metric="balanced-accuracy",
            limits=USUAL | CORRECTED,
        ),
    ]
