"""A study as the ledger has it, with its network: what is scaled when no file is named."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from scaling_search.architecture.network import fingerprint, from_definition
from scaling_search.data import catalog
from scaling_search.errors import InputError
from scaling_search.ledger.storage.rows import StudyRow
from scaling_search.search.grid.ledger_results import settings_of, winner
from scaling_search.search.plan.study import Study

if TYPE_CHECKING:
    from scaling_search.ledger.reader import Reader


def from_ledger(
    ledger: Reader, row: StudyRow, *, baseline: str | None = None, say: Callable[[str], None] = lambda _: None
) -> Study:
    """The study as it was last run, around the very network that it searched.

    `baseline`: what is named in place of its file. Another network makes it a study of its own: it loses the name, and
    unless it is the same file, changed, the proxy and the rounding, too. `say` hears that the ledger's copy of the
    network is taken. Errors: InputError where the study's file is another network by now, naming both fingerprints.
    """
    study = settings_of(row)
    info = catalog.describe(study.dataset.name)

    def on_its_data(one: Study) -> str:
        like = {"channels": info.channels, "classes": len(info.classes)}
        return fingerprint(one.network().model_copy(update=like))

    if baseline is not None:
        named = study.model_copy(update={"baseline": baseline})
        if on_its_data(named) == row.full:
            return named
        same_file = Path(baseline).resolve() == Path(str(study.baseline)).resolve()
        return (named if same_file else study.override({"baseline": baseline})).model_copy(
            update={"name": None}
        )
    kept = ledger.network(row.full)
    if kept is None:
        raise InputError(
            f"study {row.name}: its network is not in this ledger; name its file with --baseline"
        )
    try:
        now = on_its_data(study)
    except InputError as error:
        say(f"study {row.name}: {error}: its network is taken from the ledger (fingerprint {row.full[:12]})")
        return study.model_copy(update={"baseline": from_definition(kept.definition, name=row.baseline)})
    if now != row.full:
        file = f"--baseline {shlex.quote(str(study.baseline))}"
        raise InputError(
            f"study {row.name}: the baseline {study.baseline} has changed since it was searched (fingerprint "
            f"{row.full[:12]} then, {now[:12]} now). --baseline names a file that still has the old one; with {file} "
            f"the new one is a study of its own: search it with grid{_triple(ledger, row)}"
        )
    return study


def _triple(ledger: Reader, row: StudyRow) -> str:
    """How the triple that was found is given to another network; nothing where none was."""
    try:
        found, _ = winner(ledger, row)
    except InputError:
        return ""
    return f", or scale it with --coefficients {found.alpha:g},{found.beta:g},{found.gamma:g}"
