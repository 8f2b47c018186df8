"""A study as the ledger has it, with its network: what is scaled when no file is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scaling_search.architecture.network import fingerprint, from_definition
from scaling_search.errors import InputError
from scaling_search.ledger.storage.rows import StudyRow
from scaling_search.search.grid.ledger_results import settings_of
from scaling_search.search.plan.study import Study

if TYPE_CHECKING:
    from scaling_search.ledger.reader import Reader


def from_ledger(ledger: Reader, row: StudyRow) -> Study:
    """The study as it was last run, around the very network that it searched.

    Errors: InputError where the baseline's file is another network by now, naming both fingerprints.
    """
    study = settings_of(row)
    kept = ledger.network(row.full)
    if kept is None:
        raise InputError(
            f"study {row.name}: its network is not in this ledger; name its file with --baseline"
        )
    network = from_definition(kept.definition, name=row.baseline)
    try:
        now = study.network()
    except InputError:
        # Its file is gone: the ledger's copy is the same network.
        return study.model_copy(update={"baseline": network})
    same = now.model_copy(update={"channels": network.channels, "classes": network.classes})
    if fingerprint(same) != row.full:
        raise InputError(
            f"study {row.name}: the baseline {study.baseline} has changed since it was searched (fingerprint "
            f"{row.full[:12]} then, {fingerprint(same)[:12]} now): search it again, or name the network to scale with "
            "--baseline"
        )
    return study
