"""What can be asked of a ledger without writing: of the file as it is at each call, or of one moment of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from scaling_search.ledger.storage.database import again
from scaling_search.ledger.storage.records import Value
from scaling_search.ledger.storage.rows import EvaluationRow, NetworkRow, StudyRow, TrialRow
from scaling_search.ledger.storage.schema import (
    CANDIDATES,
    EVALUATIONS,
    NETWORKS,
    RESULTS,
    STUDIES,
    TRIALS,
    Kind,
    Row,
)


class Tables(Protocol):
    """Checked rows, by key."""

    def read(self, kind: Kind[Row], *, with_correct: bool = False) -> list[Row]:
        """All rows of a table; per-image bits only `with_correct`."""

    def find(
        self, kind: Kind[Row], keys: Sequence[tuple[Value, ...]], *, with_correct: bool = False
    ) -> list[Row]:
        """Those with these keys."""


def having(rows: Iterable[Row], equal: Mapping[str, Value]) -> list[Row]:
    """Those whose fields have these values."""
    return [row for row in rows if all(getattr(row, name) == value for name, value in equal.items())]


class Reader(ABC):
    """All questions. Raises DamagedError for a damaged row (table and key are named) and StorageError."""

    @abstractmethod
    def _reading(self) -> AbstractContextManager[Tables]:
        """The tables at one moment."""

    @again
    def rows(self, kind: Kind[Row], **equal: Value) -> list[Row]:
        """The rows of a table in the order of their keys: all, or those whose fields have these values."""
        with self._reading() as tables:
            return having(tables.read(kind), equal)

    @again
    def study(self, name: str) -> StudyRow | None:
        """The study of this name."""
        with self._reading() as tables:
            found = tables.find(STUDIES, [(name,)])
        return found[0] if found else None

    @again
    def network(self, fingerprint: str) -> NetworkRow | None:
        """The network with this fingerprint."""
        with self._reading() as tables:
            found = tables.find(NETWORKS, [(fingerprint,)])
        return found[0] if found else None

    @again
    def trials(
        self,
        keys: Sequence[str] | None = None,
        study: str | None = None,
        *,
        roles: Collection[str] | None = None,
        with_correct: bool = False,
    ) -> list[TrialRow]:
        """Trials, sorted by key: all, or those with the keys, or a study's (its data, its candidates' networks and
        recipes), of candidates in these `roles`, all unless given.

        Per-image bits are sure to be there only `with_correct`.
        """
        with self._reading() as tables:
            if keys is not None:
                return tables.find(TRIALS, [(key,) for key in keys], with_correct=with_correct)
            rows = tables.read(TRIALS, with_correct=with_correct)
            if study is None:
                return rows
            candidates = [row for row in tables.read(CANDIDATES) if row.study == study]
            own = tables.find(STUDIES, [(study,)])
        wanted = {
            (one.network, one.recipe or row.recipe, row.dataset)
            for row in own
            for one in candidates
            if roles is None or one.role in roles
        }
        return [row for row in rows if (row.network, row.recipe, row.dataset) in wanted]

    @again
    def evaluations(
        self, keys: Sequence[str] | None = None, *, with_correct: bool = False
    ) -> list[EvaluationRow]:
        """Evaluations of all trials or of those with the keys, by trial and split."""
        with self._reading() as tables:
            rows = tables.read(EVALUATIONS, with_correct=with_correct)
        wanted = None if keys is None else set(keys)
        return [row for row in rows if wanted is None or row.trial_key in wanted]


class Snapshot(Reader):
    """A ledger as it was at one moment, in memory: figures drawn from it fit together, and no table is read twice."""

    def __init__(self, tables: Tables) -> None:
        self._rows: Mapping[str, list[Any]] = {
            kind.name: tables.read(kind, with_correct=True) for kind in RESULTS
        }

    @contextmanager
    def _reading(self) -> Iterator[Tables]:
        yield self

    def read(self, kind: Kind[Row], *, with_correct: bool = False) -> list[Row]:  # noqa: ARG002
        """All rows of a table, with their bits in any case."""
        return list(self._rows[kind.name])

    def find(
        self, kind: Kind[Row], keys: Sequence[tuple[Value, ...]], *, with_correct: bool = False
    ) -> list[Row]:
        """Those with these keys, likewise."""
        wanted = set(keys)
        return [row for row in self.read(kind, with_correct=with_correct) if kind.key_of(row) in wanted]
