"""Paired differences against their definition; candidates of a race have different seeds in common."""

import itertools

import numpy as np
import pytest

from scaling_search.statistics.paired_differences import compare, compare_with
from scaling_search.statistics.variance_components import difference_noise
from tests.statistics.scored import scored, with_holes


@pytest.mark.parametrize("scores", [scored(seeds=3, images=200), with_holes()], ids=["whole", "raced"])
def test_every_pair_is_compared_over_what_both_have(scores) -> None:  # type: ignore[no-untyped-def]
    found, noise = compare(scores), difference_noise(scores)
    assert found.noise == noise
    for one, other in itertools.permutations(range(len(scores.names)), 2):
        both = scores.present[one] & scores.present[other]
        if not both.any():
            assert np.isnan(
                [part[one, other] for part in (found.difference, found.image, found.common)]
            ).all()
            continue
        gaps = (scores.correct[one].astype(float) - scores.correct[other])[both].mean(axis=0)
        image = gaps.var(ddof=1) / scores.images + 1 / (both.sum() * scores.images**2)
        assert found.common[one, other] == both.sum()
        assert found.difference[one, other] == pytest.approx(gaps.mean(), abs=1e-12)
        assert found.image[one, other] == pytest.approx(image, rel=1e-4)
        assert found.variance[one, other] == pytest.approx(image + 2 * noise.seed / both.sum(), rel=1e-4)


@pytest.mark.parametrize("others", [[0], [4, 1], [5], [2, 3, 0]])
def test_comparing_with_some_is_a_part_of_comparing_all(others: list[int]) -> None:
    scores = with_holes()
    every, some, one = compare(scores), compare(scores, others), compare_with(scores, others[0])
    for part in ("difference", "image", "common", "variance"):
        whole = getattr(every, part)
        np.testing.assert_allclose(getattr(some, part), whole[:, others], rtol=1e-4, atol=1e-12)
        np.testing.assert_allclose(getattr(one, part), whole[:, others[0]], rtol=1e-4, atol=1e-12)
    assert np.isnan(compare_with(scores, 0).difference[5])
