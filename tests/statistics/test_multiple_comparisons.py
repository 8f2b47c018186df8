"""How far behind the best: what the intervals promise, and that each part is needed for it."""

import dataclasses

import numpy as np
import pytest

from scaling_search.errors import UsageError
from scaling_search.racing.simulated_trainer import Surface, one_best
from scaling_search.statistics import behind_the_best
from scaling_search.statistics.images import image_sample
from scaling_search.statistics.multiple_comparisons import compare
from scaling_search.statistics.scores import Scores
from tests.statistics.scored import at_least, at_most, scored, stacked, with_holes

SEARCHES = 60
GAPS = Surface(name="gaps", gaps=(0.0, 0.5, 1.0, 2.0, 2.0, 3.0, 4.0, 4.0))


@pytest.mark.parametrize(("candidates", "seeds"), [(2, 3), (8, 2), (16, 3)])
def test_the_best_is_inside_and_nobody_alone_when_all_are_equal(candidates: int, seeds: int) -> None:
    surface = one_best(0, candidates)
    inside = alone = 0
    for search in range(SEARCHES):
        found = compare(scored(surface, seeds=seeds, search=search, images=300), draws=1000)
        inside += bool(found.inside[0])
        alone += len(found.set) == 1
    assert at_least(inside, SEARCHES, 0.95), inside
    assert at_most(alone, SEARCHES, 0.05), alone


def test_all_upper_ends_hold_at_once_and_so_do_all_lower_ends() -> None:
    missed = np.zeros(2)
    for search in range(SEARCHES):
        found = compare(scored(GAPS, seeds=4, search=search, images=500), draws=1000)
        truth = np.array(GAPS.gaps) * 0.0090
        missed += np.any(found.low > truth + 1e-3), np.any(found.high < truth - 1e-3)
    assert all(at_most(int(count), SEARCHES, 0.05) for count in missed), missed


def test_without_the_correction_the_best_is_lost_too_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests above can fail: judged like single comparisons, sixteen equal candidates lose theirs."""
    monkeypatch.setattr(
        "scaling_search.statistics.multiple_comparisons.quantile", lambda drawn, chance: 1.645
    )
    surface = one_best(0, 16)
    inside = sum(
        bool(compare(scored(surface, search=search, images=300), draws=200).inside[0])
        for search in range(SEARCHES)
    )
    assert not at_least(inside, SEARCHES, 0.95), inside


@pytest.mark.parametrize("scores", [scored(GAPS, seeds=3), with_holes(), scored(seeds=1)])
def test_one_interval_has_four_readings(scores: Scores) -> None:
    found = compare(scores, draws=1000)
    assert found.low.min() == 0 and found.inside.any()
    np.testing.assert_array_equal(found.inside, found.low == 0)
    assert (found.low <= found.high).all()
    assert (found.high >= found.estimate - 1e-12)[found.inside].all() or found.inside.sum() == 1
    np.testing.assert_array_equal(found.inside, found.statistic <= found.threshold)
    assert found.set == tuple(name for name, inside in zip(found.names, found.inside, strict=True) if inside)


def test_eliminated_ones_are_behind_and_the_only_one_inside_is_the_best() -> None:
    found = compare(scored(one_best(15.0)))
    assert found.set == ("c0",)
    assert (found.low[1:] > 0.05).all() and (found.high[1:] > found.low[1:]).all()
    assert (found.low[0], found.high[0]) == (0, 0)
    assert found.within(0.0) == ("c0",)


def test_pairing_makes_intervals_shorter() -> None:
    """Images broken out of their pairs leave more candidates inside."""
    generator = np.random.default_rng(0)
    paired = unpaired = 0
    for search in range(10):
        scores = scored(one_best(4.0), seeds=4, search=search)
        correct = np.stack([bits[:, generator.permutation(scores.images)] for bits in scores.correct])
        paired += len(compare(scores, draws=1000).set)
        unpaired += len(compare(stacked(correct), draws=1000).set)
    assert paired < 0.7 * unpaired


def test_few_seeds_that_differ_much_are_not_trusted() -> None:
    """Two candidates whose seeds scatter more than they differ stay tied, however many images there are."""
    generator = np.random.default_rng(0)
    chance = np.array([[0.95, 0.85], [0.80, 0.88]])
    assert compare(stacked(generator.random((2, 2, 6000)) < chance[:, :, None])).set == ("c0", "c1")


def test_one_noisy_candidate_does_not_keep_the_others_from_an_answer() -> None:
    """Seven clear losers are eliminated though the eighth scatters by ten points."""
    surface = Surface(name="noisy", gaps=(0.0, *(6.0,) * 6, 8.0), scatter=(*(1.0,) * 7, 15.0))
    kept = [len(compare(scored(surface, seeds=4, search=search), draws=1000).set) for search in range(20)]
    assert np.mean(kept) < 2.5, kept


def test_the_upper_end_counts_the_candidates_own_noise() -> None:
    """Two are as far behind; the one whose seeds scatter may be farther."""
    generator = np.random.default_rng(1)
    level = np.array([[0.95] * 3, [0.80] * 3, [0.76, 0.80, 0.84], [0.8] * 3])
    found = compare(stacked(generator.random((4, 3, 20_000)) < level[:, :, None]))
    reach = found.high - found.estimate
    assert found.set == ("c0",)
    assert reach[2] > 2 * max(reach[1], reach[3])


@pytest.mark.parametrize(("seeds", "said"), [(1, "1 seed: fewer than 3"), (2, "2 seeds: fewer"), (3, None)])
def test_nothing_is_decided_from_fewer_than_three_seeds(seeds: int, said: str | None) -> None:
    found = compare(scored(one_best(15.0), seeds=seeds))
    assert found.within(0.5) == (() if said else found.names[:1] + found.within(0.5)[1:])
    assert (found.nothing_decided is None) == (said is None)
    assert said is None or str(found.nothing_decided).startswith(said)


def test_fewer_than_ten_groups_give_no_interval() -> None:
    scores = dataclasses.replace(scored(), sample=image_sample(groups=np.arange(500) % 9))
    found = compare(scores)
    assert np.isnan(found.low).all() and np.isnan(found.high).all() and found.inside.all()
    assert found.within(0.9) == ()
    assert str(found.nothing_decided).startswith("9 groups of images")
    enough = dataclasses.replace(scored(), sample=image_sample(groups=np.arange(500) % 10))
    assert compare(enough).nothing_decided is None


def test_images_that_hang_together_widen_the_intervals() -> None:
    """Each image twenty times is no more than each image once, where candidates differ on images for good."""
    generator = np.random.default_rng(0)
    bits = np.repeat(generator.random((4, 1, 60)) < 0.8, 4, axis=1)
    copied = np.repeat(bits, 20, axis=2)
    alone, unaware = compare(stacked(bits)), compare(stacked(copied))
    aware = behind_the_best(copied, groups=np.repeat(np.arange(60), 20))
    assert unaware.high.sum() < 0.6 * alone.high.sum()
    np.testing.assert_allclose(aware.high, alone.high, rtol=0.15)


def test_the_only_candidate_is_at_no_distance() -> None:
    found = compare(scored(one_best(0, 1)))
    assert (found.estimate[0], found.low[0], found.high[0]) == (0, 0, 0)
    assert found.set == ("c0",)
    assert compare(scored(one_best(0, 4)), among=["c2"]).names == ("c2",)


def test_survivors_are_judged_by_the_number_that_started() -> None:
    scores = scored(one_best(0, 16))
    among_all = compare(scores, among=["c0", "c1"])
    alone = compare(scores.only(["c0", "c1"]))
    assert among_all.names == ("c0", "c1")
    assert among_all.threshold[0] > alone.threshold[0] + 0.3


def test_the_same_results_give_the_same_intervals() -> None:
    first, second = (compare(scored(one_best(2.0))) for _ in range(2))
    np.testing.assert_array_equal(first.high, second.high)


@pytest.mark.parametrize("images", [2, 40])
def test_candidates_that_get_everything_right_are_tied(images: int) -> None:
    found = compare(stacked(np.ones((3, 3, images), dtype=bool)))
    assert found.inside.all() and (found.high > 0).all()


def test_duplicates_of_the_best_do_not_push_it_out() -> None:
    scores = scored(Surface(name="duplicates", gaps=(0.0, 0.0, 3.0, 3.0)), seeds=3)
    found = compare(stacked(np.concatenate([scores.correct, scores.correct[:1]])))
    assert {"c0", "c4"} <= set(found.set)


def test_one_alone_has_to_beat_its_last_other_by_itself() -> None:
    """Between two candidates either may be named wrongly, so p just under 5 % is not enough."""
    near = clear = 0
    for search in range(60):
        found = compare(scored(one_best(1.5, 2), seeds=6, search=search, images=300), draws=2000)
        p = float(found.p.min())
        if 0.02 < p < 0.048:
            near += 1
            assert len(found.set) == 2 and found.low.tolist() == [0.0, 0.0]
            assert found.high.min() > 0 and found.within(0.0) == ()
        elif p < 0.008:
            clear += 1
            assert len(found.set) == 1
    assert near >= 2
    assert clear >= 2


def test_balanced_accuracy_may_name_another_one() -> None:
    """c1 is better in the rare class and a little worse in the common one."""
    labels = np.repeat([0, 1], [1800, 200])
    right = np.array([[0.95, 0.40], [0.93, 0.80]])
    generator = np.random.default_rng(0)
    hard = generator.random(2000)
    correct = hard + 0.05 * generator.standard_normal((2, 4, 2000)) < right[:, labels][:, None, :]
    sample = image_sample(labels, metric="balanced-accuracy")
    plain = behind_the_best(correct)
    balanced = behind_the_best(correct, weights=sample.weights, strata=sample.strata)
    assert plain.estimate.tolist()[0] > 0 and balanced.estimate.tolist()[1] == 0
    assert balanced.set == ("1",)
    assert balanced.low[0] > 0.1


def test_other_shapes_are_refused() -> None:
    with pytest.raises(UsageError, match=r"shape \(3, 4\)"):
        behind_the_best(np.ones((3, 4), bool))
    with pytest.raises(UsageError, match=r"groups has shape \(8,\): one for each of the 9 images"):
        behind_the_best(np.ones((2, 3, 9), bool), groups=range(8))
    with pytest.raises(UsageError, match="with a training of each candidate"):
        behind_the_best(np.ones((2, 2, 9), bool), present=np.array([[True, True], [False, False]]))


def test_a_table_with_holes_is_compared_over_what_there_is() -> None:
    """A race's survivors have more seeds; absent cells hold nothing."""
    scores = scored(GAPS, seeds=4)
    present = np.arange(4)[None, :] < np.array([4, 4, 4, 4, 3, 3, 3, 3])[:, None]
    noise = np.where(present[:, :, None], scores.correct, True)
    found = behind_the_best(noise, present=present)
    assert found.seeds.tolist() == [4, 4, 4, 4, 3, 3, 3, 3]
    assert found.estimate[7] == pytest.approx(0.036, abs=0.03)
    assert found.nothing_decided is None


def test_a_thousand_candidates_are_compared() -> None:
    generator = np.random.default_rng(0)
    level = np.where(np.arange(1000) < 3, 0.95, 0.8)
    found = compare(stacked(generator.random((1000, 3, 300)) < level[:, None, None]), draws=500)
    assert {"c0", "c1", "c2"} <= set(found.set)
    assert found.inside.sum() < 30
