"""Least squares of candidate + seed effects, mean[c, s] = candidate[c] + seed[s], on the cells that are present.

A race stops candidates early, so the table has holes and effects are no plain means. The normal equations
    [D_c  P ] [candidate]   [t_c]
    [Pᵀ  D_s] [seed     ] = [t_s]
(P: which cells are present; D: their number, t: the sum of their values, per candidate and per seed) are solved by
eliminating the larger of the two diagonal blocks, so that a thousand candidates cost no more than their seeds do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scaling_search.statistics.scores import Bits, Floats

_SINGULAR = 1e-9  # of the largest eigenvalue


@dataclass(frozen=True, kw_only=True)
class Additive:
    """The design of a table with holes. `rank`: of its effects, which a shift between the two sides leaves free."""

    present: Floats  # (rows, columns), rows the more numerous side
    counts: Floats  # cells of each row, 1 for none
    turned: bool  # whether rows are seeds
    inverse: Floats  # (columns, columns): pseudo-inverse of D_s − Pᵀ D_c⁻¹ P
    rank: int

    @classmethod
    def of(cls, present: Bits) -> Additive:
        """The design for the cells of a (K, S) table. A candidate or seed without a cell has no effect."""
        turned = present.shape[1] > present.shape[0]
        cells = (present.T if turned else present).astype(np.float64)
        counts = np.maximum(cells.sum(axis=1), 1)
        reduced = np.diag(cells.sum(axis=0)) - cells.T @ (cells / counts[:, None])
        values, vectors = np.linalg.eigh(reduced)
        kept = values > _SINGULAR * cells.sum(axis=0).max()
        inverse = (vectors[:, kept] / values[kept]) @ vectors[:, kept].T
        rank = int(cells.any(axis=1).sum() + kept.sum())
        return cls(present=cells, counts=counts, turned=turned, inverse=inverse, rank=rank)

    def explained(self, by_candidate: Floats, by_seed: Floats) -> float:
        """Sum of squares that the effects explain, over all tables in the last axes.

        Shapes (K, …) and (S, …): the sums t of the tables' values, absent cells counting nothing.
        """
        rows, columns = (by_seed, by_candidate) if self.turned else (by_candidate, by_seed)
        rows, columns = rows.reshape(len(rows), -1), columns.reshape(len(columns), -1)
        means = rows / self.counts[:, None]
        left = columns - self.present.T @ means
        return float(np.sum(rows * means) + np.sum(left * (self.inverse @ left)))

    def candidates(self, values: Floats) -> Floats:
        """Candidate effects of tables (…, K, S), 0 in absent cells: (…, K), free up to one constant per table."""
        cells = np.swapaxes(values, -1, -2) if self.turned else values
        means = cells.sum(axis=-1) / self.counts
        columns = (cells.sum(axis=-2) - means @ self.present) @ self.inverse
        return np.asarray(columns if self.turned else means - (columns @ self.present.T) / self.counts)
