"""Race scikit-learn's classifiers: which one, and how sure is that? `python examples/race_scikit_learn.py`

Any trainer takes part: it is given a candidate and a seed, and says of each validation image whether it was right.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

import scaling_search as ss

IMAGES, LABELS = load_digits(return_X_y=True)
# The validation images are the same for every candidate and seed: that is what makes comparisons paired.
TRAIN, VALIDATION, TRAIN_LABELS, VALIDATION_LABELS = train_test_split(
    IMAGES / 16, LABELS, test_size=0.5, random_state=0, stratify=LABELS
)
CANDIDATES = {
    "support vectors": lambda seed: SVC(random_state=seed),
    "10 trees": lambda seed: RandomForestClassifier(10, random_state=seed),
    "200 trees": lambda seed: RandomForestClassifier(200, random_state=seed),
    "logistic regression": lambda seed: LogisticRegression(max_iter=1000, random_state=seed),
}


def train(make: Callable[[int], Any], seed: int) -> np.ndarray:
    """One candidate with one seed; a seed sees its own nine tenths of the images, all candidates the same."""
    chosen = np.random.default_rng(seed).permutation(len(TRAIN))[: len(TRAIN) * 9 // 10]
    model = make(seed).fit(TRAIN[chosen], TRAIN_LABELS[chosen])
    return np.asarray(model.predict(VALIDATION) == VALIDATION_LABELS)


def main() -> ss.Race:
    """Runs the race and prints it."""
    found = ss.race(CANDIDATES, train=train, seeds=range(5))
    state = "decided" if found.decided else "leads, undecided"
    print(f"{found.winner}: {state}, after {len(found.looks)} rounds")
    for row in found.records():
        print(
            f"{row['candidate']:19} {row['accuracy']:.1%}  {100 * row['behind_low']:4.1f} to "
            f"{100 * row['behind_high']:4.1f} points behind the best, {row['seeds']} seeds"
        )
    return found


if __name__ == "__main__":
    main()
