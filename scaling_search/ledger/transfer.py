"""Studies as wholes: renamed, deleted, copied into a ledger of their own, and ledgers merged. Trials are kept once."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scaling_search.errors import InputError, suggest
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.names import check_name
from scaling_search.ledger.reader import Reader
from scaling_search.ledger.storage import store
from scaling_search.ledger.storage.rows import FINISHED, StudyRow, TrialRow
from scaling_search.ledger.storage.schema import (
    CANDIDATES,
    DATASETS,
    NETWORKS,
    OF_A_STUDY,
    OF_A_TRIAL,
    STUDIES,
    TRIALS,
    Kind,
)

_Rows = dict[Kind[Any], list[Any]]
# What a trial measured; two ledgers may differ in when and where it ran.
_MEASURED = ("state", "accuracy", "loss", "correct", "correct_count")


@dataclass(frozen=True, kw_only=True)
class Merged:
    """What a merge added: studies by the names they have now, and trials; `known` trials were there already."""

    studies: Mapping[str, str]
    trials: int
    known: int


def rename(ledger: Ledger, old: str, new: str) -> None:
    """Gives a study another name. Errors: InputError for an unknown study, a name that is taken or unfit."""
    row = _study(ledger, old)
    check_name(new)
    if ledger.study(new) is not None:
        raise InputError(f"this ledger has a study {new!r} already")
    rows = _renamed(_of_study(ledger, row), new)
    with ledger.database.writing() as connection:
        for kind in (STUDIES, *OF_A_STUDY):
            store.remove(connection, kind, _own(ledger, kind, old))
            store.put(connection, kind, rows.get(kind, []))


def delete(ledger: Ledger, name: str, *, with_trials: bool = False) -> int:
    """Forgets a study; `with_trials` also the trials that no other study names. Returns how many trials went.

    Errors: InputError for an unknown study, or while one of those trials runs.
    """
    row = _study(ledger, name)
    trials: list[TrialRow] = []
    if with_trials:
        others = {
            (one.network, one.recipe or study.recipe, study.dataset)
            for study in ledger.rows(STUDIES)
            if study.name != name
            for one in ledger.rows(CANDIDATES, study=study.name)
        }
        own = ledger.trials(study=name, with_correct=True)
        trials = [one for one in own if (one.network, one.recipe, one.dataset) not in others]
        running = [one for one in trials if one.state == "running"]
        if running:
            raise InputError(f"study {row.name!r}: {len(running)} of its trials are running; stop them first")
    keys = {one.key for one in trials}
    with ledger.database.writing() as connection:
        for kind in (STUDIES, *OF_A_STUDY):
            store.remove(connection, kind, _own(ledger, kind, name))
        for kind in OF_A_TRIAL:
            gone = [one for one in store.read(connection, kind) if one.trial_key in keys]
            store.remove(connection, kind, gone)
        store.remove(connection, TRIALS, trials)
    return len(trials)


def export(ledger: Reader, name: str, target: Ledger) -> int:
    """Copies a study with its trials, bits, curves and provenance into another ledger; returns how many trials.

    Errors: InputError for an unknown study, or where the target holds other results.
    """
    return merge(target, ledger, studies=[_study(ledger, name)]).trials


def merge(target: Ledger, other: Reader, *, studies: Sequence[StudyRow] | None = None) -> Merged:
    """Adds what another ledger has: every trial once, finished ones over unfinished, all studies (or those given).

    A study of one name and other content is kept apart under a name of its own. Errors: InputError where both have
    finished one trial with different results; then nothing has changed.
    """
    chosen = other.rows(STUDIES) if studies is None else list(studies)
    trials = other.trials(with_correct=True) if studies is None else _trials_of(other, chosen)
    mine = {row.key: row for row in target.trials([row.key for row in trials], with_correct=True)}
    new = [row for row in trials if _is_news(mine.get(row.key), row)]
    keys = {row.key for row in trials}
    names = {row.name: _name_for(target, row) for row in chosen}
    rows: _Rows = {TRIALS: [row.at_rest() for row in new]}
    for row in chosen:
        for kind, own in _renamed(_of_study(other, row), names[row.name]).items():
            rows.setdefault(kind, []).extend(own)
    for kind in OF_A_TRIAL:
        rows[kind] = [row for row in _all(other, kind) if row.trial_key in keys]
    needed = {row.network for row in (*trials, *rows.get(CANDIDATES, []))}
    needed |= {fingerprint for row in chosen for fingerprint in (row.base, row.full)}
    rows[NETWORKS] = [row for row in other.rows(NETWORKS) if row.fingerprint in needed]
    data = {row.dataset for row in trials} | {row.dataset for row in chosen}
    rows[DATASETS] = [row for row in other.rows(DATASETS) if row.fingerprint in data]
    with target.database.writing() as connection:
        for kind, own in rows.items():
            # What the target says of its own study stays; the other's look at fewer trials would not fit any more.
            store.put(connection, kind, own, replace=kind is TRIALS)
    return Merged(studies=names, trials=len(new), known=len(trials) - len(new))


def _study(ledger: Reader, name: str) -> StudyRow:
    row = ledger.study(name)
    if row is None:
        raise InputError(suggest("study", name, [one.name for one in ledger.rows(STUDIES)]))
    return row


def _own(ledger: Reader, kind: Kind[Any], study: str) -> list[Any]:
    return ledger.rows(kind, **{"name" if kind is STUDIES else "study": study})


def _of_study(ledger: Reader, row: StudyRow) -> _Rows:
    return {STUDIES: [row]} | {kind: _own(ledger, kind, row.name) for kind in OF_A_STUDY}


def _renamed(rows: _Rows, name: str) -> _Rows:
    return {
        kind: [dataclasses.replace(row, **{"name" if kind is STUDIES else "study": name}) for row in own]
        for kind, own in rows.items()
    }


def _trials_of(ledger: Reader, studies: Sequence[StudyRow]) -> list[TrialRow]:
    found = {row.key: row for study in studies for row in ledger.trials(study=study.name, with_correct=True)}
    return list(found.values())


def _all(ledger: Reader, kind: Kind[Any]) -> list[Any]:
    """Every row of a table, with its bits where it has any."""
    return ledger.evaluations(with_correct=True) if kind.has_bits else ledger.rows(kind)


def _is_news(mine: TrialRow | None, theirs: TrialRow) -> bool:
    """Whether the other ledger's row is to be taken. Errors: InputError where both are finished and differ."""
    if mine is None:
        return True
    if mine.state in FINISHED and theirs.state in FINISHED:
        different = [name for name in _MEASURED if getattr(mine, name) != getattr(theirs, name)]
        if different:
            raise InputError(
                f"trial {mine.key[:12]} ({mine.network_name}, seed {mine.seed}) has different results in the two "
                f"ledgers ({', '.join(different)}; accuracy {mine.accuracy} on {mine.device}, {theirs.accuracy} on "
                f"{theirs.device}): nothing was merged"
            )
        return False
    return theirs.state in FINISHED and mine.state != "running"


def _name_for(target: Reader, row: StudyRow) -> str:
    """The name under which the target has this study, or gets it."""
    same = target.rows(STUDIES, fingerprint=row.fingerprint)
    if same:
        return next((one.name for one in same if one.name == row.name), same[0].name)
    for length in (0, *range(4, len(row.fingerprint) + 1)):
        name = f"{row.name}-{row.fingerprint[:length]}" if length else row.name
        if target.study(name) is None:
            return name
    raise AssertionError  # two studies of one fingerprint are one
