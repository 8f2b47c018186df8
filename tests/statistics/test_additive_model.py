"""Candidate + seed effects, against numpy's least squares on the design written out."""

import numpy as np
import pytest

from scaling_search.statistics.additive_model import Additive
from scaling_search.statistics.scores import Floats

SHAPES = [(2, 2), (8, 3), (3, 8), (12, 5)]


def holes(candidates: int, seeds: int, generator: np.random.Generator) -> np.ndarray:
    """A race's cells: everybody has the first two seeds, then they stop one by one."""
    last = generator.integers(2, seeds + 1, candidates)
    last[0] = seeds
    return np.arange(seeds) < last[:, None]


def written_out(present: np.ndarray) -> Floats:
    candidate, seed = np.nonzero(present)
    design = np.zeros((len(candidate), sum(present.shape)))
    design[np.arange(len(candidate)), candidate] = 1
    design[np.arange(len(candidate)), len(present) + seed] = 1
    return design


@pytest.mark.parametrize(("candidates", "seeds"), SHAPES)
def test_effects_are_those_of_least_squares(candidates: int, seeds: int) -> None:
    generator = np.random.default_rng(candidates)
    present = holes(candidates, seeds, generator)
    tables = np.where(present, generator.normal(size=(4, candidates, seeds)), 0)
    design = written_out(present)
    found = Additive.of(present)
    assert found.rank == np.linalg.matrix_rank(design)
    for table, effects in zip(tables, found.candidates(tables), strict=True):
        expected = np.linalg.lstsq(design, table[present], rcond=None)[0]
        np.testing.assert_allclose(effects - effects[0], expected[:candidates] - expected[0], atol=1e-12)
        fitted = float(np.sum((design @ expected) ** 2))
        assert found.explained(table.sum(axis=1), table.sum(axis=0)) == pytest.approx(fitted, rel=1e-12)


def test_sums_of_squares_add_up_over_images() -> None:
    generator = np.random.default_rng(1)
    present = holes(6, 4, generator)
    cells = np.where(present[:, :, None], generator.normal(size=(6, 4, 30)), 0)
    found = Additive.of(present)
    one_by_one = [found.explained(image.sum(axis=1), image.sum(axis=0)) for image in np.moveaxis(cells, 2, 0)]
    assert found.explained(cells.sum(axis=1), cells.sum(axis=0)) == pytest.approx(sum(one_by_one))


@pytest.mark.parametrize("turned", [False, True])
def test_who_has_no_cell_has_no_effect_and_changes_nobody_elses(turned: bool) -> None:
    generator = np.random.default_rng(2)
    whole, table = holes(7, 3, generator), generator.normal(size=(7, 3))
    if turned:
        whole, table = whole.T, table.T
    present = np.pad(whole, ((0, 1), (0, 1)))
    values = np.where(present, np.pad(table, ((0, 1), (0, 1))), 0)
    padded, plain = Additive.of(present), Additive.of(whole)
    assert padded.rank == plain.rank
    effects = padded.candidates(values)[:-1] - plain.candidates(np.where(whole, table, 0))
    np.testing.assert_allclose(effects, effects[0], atol=1e-12)
