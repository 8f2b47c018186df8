"""Pack a ledger's complete trials into `digits_seeds.npz`: python -m benchmarks.validate.pack_plasmode LEDGER

The ledger is that of `scaling-search grid --study benchmarks/validate/digits_seeds.toml`. Seeds that some candidate
lacks are left out. Candidates are named by their triple.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from benchmarks.validate.plasmode import FILE
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.rows import GRID, TrialRow
from scaling_search.ledger.storage.schema import CANDIDATES, STUDIES


def pack(ledger: Path, target: Path) -> None:
    """Writes names, packed bits (candidates, seeds, bytes) and the number of images."""
    with Ledger.open(ledger) as opened:
        (study,) = opened.rows(STUDIES)
        trials = [row for row in opened.trials(with_correct=True) if row.correct is not None]
        candidates = {row.network: row for row in opened.rows(CANDIDATES, study=study.name, role=GRID)}
    by_network = {
        network: {row.seed: _bits(row) for row in trials if row.network == network} for network in candidates
    }
    seeds = sorted(set.intersection(*(set(found) for found in by_network.values())))
    bits = np.array([[found[seed] for seed in seeds] for found in by_network.values()])
    names = [f"({row.alpha:g}, {row.beta:g}, {row.gamma:g})" for row in candidates.values()]
    np.savez_compressed(
        target, names=np.array(names), bits=np.packbits(bits, axis=2), images=np.array(bits.shape[2])
    )
    print(
        f"{len(names)} candidates x {len(seeds)} seeds x {bits.shape[2]} images; means",
        bits.mean(axis=(1, 2)),
    )


def _bits(row: TrialRow) -> np.ndarray:
    assert row.correct is not None  # noqa: S101 - only such trials are read
    return np.unpackbits(np.frombuffer(row.correct, np.uint8), count=row.correct_count).astype(bool)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ledger", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / FILE)
    options = parser.parse_args()
    pack(options.ledger, options.out)


if __name__ == "__main__":
    main()
