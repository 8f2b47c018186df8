"""The simulated trainer keeps its word."""

import numpy as np
import pytest

from scaling_search.racing.simulated_trainer import (
    CHANCE,
    SimulatedTrainer,
    Surface,
    hill,
    noise_sd,
    one_best,
    ridge,
    surfaces,
)
from tests.statistics.scored import scored


@pytest.mark.parametrize("agreement", [0.3, 0.9])
def test_short_training_agrees_as_far_as_it_is_said_to(agreement: float) -> None:
    surface = hill(40)
    found = []
    for search in range(6):
        trainer = SimulatedTrainer(surface=surface, search=search, images=8000)
        short = [trainer.short(name, agreement) for name in surface.candidates]
        found.append(np.corrcoef(short, [trainer.truth(name) for name in surface.candidates])[0, 1])
    assert np.mean(found) == pytest.approx(agreement, abs=0.2)


@pytest.mark.parametrize("images", [300, 3000])
def test_the_unit_of_gaps_is_the_spread_over_seeds(images: int) -> None:
    variances = [
        scored(seeds=12, search=search, images=images).seed_means.var(axis=1, ddof=1).mean()
        for search in range(12)
    ]
    assert np.sqrt(np.mean(variances)) == pytest.approx(noise_sd(0.9, images), rel=0.05)


def test_the_truth_is_the_accuracy_over_images_and_seeds() -> None:
    surface = one_best(3.0)
    trainers = [SimulatedTrainer(surface=surface, search=search, images=2000) for search in range(60)]
    for name in ("candidate-0", "candidate-1"):
        found = np.mean([bits.mean() for t in trainers if (bits := t(name, 0)) is not None])
        assert found == pytest.approx(trainers[0].truth(name), abs=0.004)
    gap = trainers[0].truth("candidate-0") - trainers[0].truth("candidate-1")
    assert gap == pytest.approx(3 * noise_sd(0.9, 2000))


def test_an_answer_does_not_depend_on_what_was_asked_before() -> None:
    first, second = (SimulatedTrainer(surface=one_best(1.0), search=4, images=100) for _ in range(2))
    first("candidate-3", 1)
    assert np.array_equal(first("candidate-1", 2), second("candidate-1", 2))  # type: ignore[arg-type]


def test_the_surfaces_are_those_that_are_promised() -> None:
    names = [surface.name for surface in surfaces()]
    assert names[:4] == ["all equal", "one best by 0.5 sd", "one best by 1 sd", "one best by 2 sd"]
    assert any("ridge" in name for name in names)
    assert any("duplicates" in name for name in names)
    assert any("diverging" in name for name in names)
    assert len(ridge().gaps) == len(ridge().triples)


def bits_of(surface: Surface, *, images: int = 400, seeds: int = 20, search: int = 0) -> np.ndarray:
    return scored(surface, seeds=seeds, search=search, images=images).correct


def test_a_candidate_scatters_as_much_as_it_is_said_to() -> None:
    surface = Surface(name="noisy", gaps=(0.0, 0.0), scatter=(10.0, 1.0))
    found = bits_of(surface, images=4000, seeds=60).mean(axis=2).std(axis=1, ddof=1)
    assert found == pytest.approx([noise_sd(0.9, 4000, 0.8), noise_sd(0.9, 4000)], rel=0.3)
    trainer = SimulatedTrainer(surface=surface, search=0)
    assert trainer.truth("candidate-0") == pytest.approx(0.9), "whatever the scatter, in expectation"


def test_lognormal_scatter_is_another_in_each_search() -> None:
    surface = Surface(name="lognormal", gaps=(0.0,) * 200, lognormal=0.7)
    sds = [SimulatedTrainer(surface=surface, search=search, images=2).sds / 0.08 for search in (0, 1)]
    assert not np.allclose(*sds)
    assert np.log(sds[0]).std() == pytest.approx(0.7, abs=0.12)


def test_a_collapsed_seed_is_at_chance() -> None:
    means = bits_of(Surface(name="collapse", gaps=(0.0,) * 4, collapse=0.25), seeds=30).mean(axis=2)
    low = means < 0.3
    assert low.mean() == pytest.approx(0.25, abs=0.1)
    assert means[low].mean() == pytest.approx(CHANCE, abs=0.02)


def test_near_duplicates_are_right_together() -> None:
    surface = Surface(name="groups", gaps=(0.0,), group=10)
    trainer = SimulatedTrainer(surface=surface, search=0, images=400)
    assert trainer.groups is not None and len(np.unique(trainer.groups)) == 40
    bits = bits_of(surface)[0]
    whole = np.mean([bits[:, trainer.groups == group].std(axis=1).mean() for group in range(40)])
    assert whole < 0.5 * bits.std(axis=1).mean()
    sizes = Surface(name="sizes", gaps=(0.0,), group=10, group_spread=0.7)
    groups = SimulatedTrainer(surface=sizes, search=0, images=4000).groups
    assert groups is not None and np.bincount(groups).std() > 4


def test_classes_are_as_common_and_as_hard_as_they_are_said_to_be() -> None:
    surface = Surface(name="classes", gaps=(0.0,), classes=((0.9, 0.0), (0.1, -1.5)))
    trainer = SimulatedTrainer(surface=surface, search=1, images=20_000)
    bits = trainer("candidate-0", 0)
    assert bits is not None and trainer.labels is not None
    assert (trainer.labels == 1).mean() == pytest.approx(0.1, abs=0.01)
    by_class = [bits[trainer.labels == k].mean() for k in (0, 1)]
    assert by_class[0] - by_class[1] > 0.1
    assert np.mean(by_class) == pytest.approx(trainer.truth("candidate-0", "balanced-accuracy"), abs=0.02)
    assert bits.mean() == pytest.approx(trainer.truth("candidate-0"), abs=0.02)
    assert trainer.sample("balanced-accuracy").weights is not None
