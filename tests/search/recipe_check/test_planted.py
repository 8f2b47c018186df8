"""Interactions planted in what a pretended trainer gets right: fair, swapping and undecidable are named so."""

from __future__ import annotations

import numpy as np
import pytest

from scaling_search.ledger.storage.rows import CHECK, CandidateRow, TrialRow
from scaling_search.search.plan.study_tables import Grid
from scaling_search.search.recipe_check.analysis import analyse
from scaling_search.search.recipe_check.cells import cell_key
from scaling_search.search.recipe_check.findings import Check
from scaling_search.training.recipe import Recipe, named

OWN = named("fast", images=1000)
RATES = {
    factor: named("fast", images=1000, learning_rate=factor * OWN.learning_rate) for factor in (0.5, 1, 2)
}
LONGER = named("fast", images=1000, epochs=2 * OWN.epochs, crop_padding=OWN.crop_padding)
RECIPES: list[Recipe] = [*RATES.values(), LONGER]
NETWORKS = {"base": 0.0, "deep": 1.0, "wide": 1.0}
IMAGES, SEEDS, DELTA = 3000, 5, 0.02
# By how much `deep` is better with twice the rate; `swapping` is more than it lies behind.
PLANTED = {"fair": 0.0, "swapping": 0.10, "undecided": DELTA}


def rows() -> list[CandidateRow]:
    return [
        CandidateRow(
            study="s",
            role=CHECK,
            network=network,
            network_name=network,
            group=cell_key(network, recipe.canonical()),
            phi=phi,
            alpha=1 + phi * (network == "deep"),
            beta=1 + phi * (network == "wide"),
            gamma=1.0,
            recipe=recipe.canonical(),
        )
        for network, phi in NETWORKS.items()
        for recipe in RECIPES
    ]


def trained(size: float, search: int) -> list[TrialRow]:
    """Networks, recipes, seeds and images differ at random; `deep` with twice the rate by `size` more."""
    random = np.random.default_rng([search, 11])
    level = dict(zip(NETWORKS, (0.80, 0.75, 0.80), strict=True))
    recipe_level = {recipe.canonical(): random.normal(0, 0.01) for recipe in RECIPES}
    asked = random.random(IMAGES)
    own = {network: random.normal(0, 0.01, IMAGES) for network in NETWORKS}
    found = []
    for network in NETWORKS:
        for recipe in RECIPES:
            text = recipe.canonical()
            more = size * (network == "deep" and recipe is RATES[2])
            for seed in range(SEEDS):
                reached = level[network] + recipe_level[text] + more + random.normal(0, 0.0015)
                right = asked + own[network] + random.normal(0, 0.01, IMAGES) < reached
                found.append(
                    TrialRow(
                        key=f"{network}{text}{seed}",
                        network=network,
                        network_name=network,
                        recipe=text,
                        dataset="d",
                        dataset_name="d",
                        seed=seed,
                        state="complete",
                        accuracy=float(right.mean()),
                        correct=np.packbits(right).tobytes(),
                        correct_count=IMAGES,
                    )
                )
    return found


def check(kind: str, search: int) -> Check:
    return analyse(rows(), trained(PLANTED[kind], search), OWN, Grid(indifference=DELTA))


@pytest.mark.parametrize("kind", PLANTED)
def test_planted_interactions_are_named_what_they_are(kind: str) -> None:
    """100 of each kind, 300 in all: 94 % are named what they are, and a swap by the two that swap."""
    right = 0
    for search in range(100):
        found = check(kind, search)
        if kind != "swapping":
            right += found.verdict == kind
            continue
        swapped = {(one.ahead, one.other) for one in found.of_own if one.swaps and one.verdict == "unfair"}
        right += found.verdict == "unfair" and swapped == {("base", "deep"), ("wide", "deep")}
    assert right >= 94


def test_the_names_are_the_triples() -> None:
    assert check("fair", 0).names == {"base": "base", "deep": "(2, 1, 1)", "wide": "(1, 2, 1)"}
