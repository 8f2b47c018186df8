"""What is scaled when no file is named: the study as the ledger has it, with the very network that was searched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scaling_search.architecture import toml
from scaling_search.architecture.network import fingerprint
from scaling_search.errors import InputError
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.rows import StudyRow
from scaling_search.search.family.source import from_ledger
from scaling_search.search.plan.search_space import search_space
from scaling_search.search.plan.study import Study, override
from scaling_search.search.trial import registry
from scaling_search.search.trial.setup import load_data
from tests.search.pretend import BASIC, study


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "l.db") as opened:
        yield opened


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(toml.write(BASIC), encoding="utf-8")
    return path


def registered(ledger: Ledger, settings: Study) -> StudyRow:
    return registry.register(ledger, search_space(settings), load_data(settings), say=print)


def of(file: Path) -> Study:
    return override(study(), {"baseline": str(file), "proxy.resolution": 16, "grid.seeds": 5})


def test_a_study_comes_back_as_it_was_run(ledger: Ledger, file: Path) -> None:
    row = registered(ledger, of(file))
    settings = from_ledger(ledger, row)
    assert settings == of(file)
    space = search_space(settings)
    assert (fingerprint(space.base), fingerprint(space.baseline)) == (row.base, row.full)
    # Scaled and so registered once more, it is the same study, of the same file.
    again = registered(ledger, settings)
    assert (again.name, again.fingerprint, again.toml) == (row.name, row.fingerprint, row.toml)


def test_where_the_file_is_gone_the_ledgers_copy_serves(ledger: Ledger, file: Path) -> None:
    row = registered(ledger, of(file))
    file.unlink()
    settings = from_ledger(ledger, row)
    space = search_space(settings)
    assert (fingerprint(space.base), fingerprint(space.baseline)) == (row.base, row.full)
    assert space.baseline.name == row.baseline == "icons"
    again = registered(ledger, settings)
    assert (again.name, again.fingerprint) == (row.name, row.fingerprint)


def test_a_file_that_is_another_network_by_now_is_refused_with_both_fingerprints(
    ledger: Ledger, file: Path
) -> None:
    row = registered(ledger, of(file))
    changed = BASIC.model_copy(update={"activation": "silu"})
    file.write_text(toml.write(changed), encoding="utf-8")
    now = fingerprint(changed.model_copy(update={"channels": 1, "classes": 10}))
    with pytest.raises(InputError, match=rf"{row.full[:12]} then, {now[:12]} now.*--baseline"):
        from_ledger(ledger, row)


def test_labels_and_the_classes_it_was_published_with_are_no_other_network(
    ledger: Ledger, file: Path
) -> None:
    row = registered(ledger, of(file))
    same = BASIC.model_copy(update={"name": "renamed", "source": "mine", "classes": 7, "channels": 4})
    file.write_text(toml.write(same), encoding="utf-8")
    assert from_ledger(ledger, row).baseline == str(file)
