"""What is scaled when no file is named: the study as the ledger has it, with the very network that was searched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from scaling_search.architecture import toml
from scaling_search.architecture.network import fingerprint
from scaling_search.cli.main import run
from scaling_search.errors import InputError
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.rows import StudyRow
from scaling_search.search.family.source import from_ledger
from scaling_search.search.plan.search_space import search_space
from scaling_search.search.plan.study import Study, override
from scaling_search.search.trial import registry
from scaling_search.search.trial.setup import load_data
from tests.search.pretend import BASIC, searched, study


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
    said: list[str] = []
    settings = from_ledger(ledger, row, say=said.append)
    (says,) = said
    assert "mine.toml" in says and says.endswith(f"taken from the ledger (fingerprint {row.full[:12]})")
    space = search_space(settings)
    assert (fingerprint(space.base), fingerprint(space.baseline)) == (row.base, row.full)
    assert space.baseline.name == row.baseline == "icons"
    again = registered(ledger, settings)
    assert (again.name, again.fingerprint) == (row.name, row.fingerprint)


CHANGED = BASIC.model_copy(update={"activation": "silu"})


def test_a_file_that_is_another_network_by_now_is_refused_with_both_fingerprints(
    ledger: Ledger, file: Path
) -> None:
    row = registered(ledger, of(file))
    file.write_text(toml.write(CHANGED), encoding="utf-8")
    now = fingerprint(CHANGED.model_copy(update={"channels": 1, "classes": 10}))
    with pytest.raises(InputError, match=rf"{row.full[:12]} then, {now[:12]} now.*--baseline"):
        from_ledger(ledger, row)


def test_a_changed_file_that_is_named_is_a_study_of_its_own_with_the_same_proxy(
    ledger: Ledger, file: Path
) -> None:
    row = registered(ledger, of(file))
    file.write_text(toml.write(CHANGED), encoding="utf-8")
    settings = from_ledger(ledger, row, baseline=str(file))
    assert settings == of(file).model_copy(update={"name": None})
    assert registered(ledger, settings).name == "digits-icons"


def test_a_copy_of_the_network_that_was_searched_takes_the_files_place(ledger: Ledger, file: Path) -> None:
    row = registered(ledger, of(file))
    copy = file.with_name("copy.toml")
    copy.write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    file.write_text(toml.write(CHANGED), encoding="utf-8")
    settings = from_ledger(ledger, row, baseline=str(copy))
    again = registered(ledger, settings)
    assert (again.name, again.fingerprint) == (row.name, row.fingerprint)


def test_another_network_in_its_place_drops_proxy_rounding_and_name(ledger: Ledger, file: Path) -> None:
    settings = from_ledger(ledger, registered(ledger, of(file)), baseline="lenet-5")
    assert (settings.baseline, settings.proxy, settings.name) == ("lenet-5", None, None)


def test_what_is_advised_works_from_the_command_line(
    tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = str(tmp_path / "l.db")
    with Ledger.open(place) as ledger:
        searched(ledger, of(file))
    scale = ["scale", "--ledger", place, "--study", "s", "--emit-only", "--phi", "0..1"]
    scale += ["--out", str(tmp_path / "family")]
    assert run(scale) == run([*scale, "--baseline", str(file)]) == 0
    before = file.read_text(encoding="utf-8")
    file.write_text(toml.write(CHANGED), encoding="utf-8")
    capsys.readouterr()
    assert run(scale) == 3
    advised = re.search(
        r"(--baseline \S+mine.toml) .*(--coefficients [0-9.,]+)$", capsys.readouterr().err.strip()
    )
    assert advised is not None
    assert run([*scale, *advised[1].split(), *advised[2].split()]) == 0
    copy = file.with_name("copy.toml")
    copy.write_text(before, encoding="utf-8")
    assert run([*scale, "--baseline", str(copy)]) == 0
    file.unlink()
    capsys.readouterr()
    assert run(scale) == 0
    assert capsys.readouterr().err.count("taken from the ledger") == 1


def test_labels_and_the_classes_it_was_published_with_are_no_other_network(
    ledger: Ledger, file: Path
) -> None:
    row = registered(ledger, of(file))
    same = BASIC.model_copy(update={"name": "renamed", "source": "mine", "classes": 7, "channels": 4})
    file.write_text(toml.write(same), encoding="utf-8")
    assert from_ledger(ledger, row).baseline == str(file)
