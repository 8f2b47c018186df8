"""Where a ledger is: paths of every kind, URLs, and what of them is shown."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scaling_search.errors import InputError, ScalingSearchError, StorageError, UsageError
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.recovery.repair import repair
from scaling_search.ledger.storage.location import NoLedger, locate, shown
from scaling_search.ledger.storage.rows import TrialRow

SECRET = "s3cr3t"  # noqa: S105 - to be looked for
HIDING_PLACES = [
    "postgresql://me:s3cr3t@127.0.0.1:9/x?connect_timeout=2",
    "postgresql+psycopg://me@127.0.0.1:9/x?password=s3cr3t&connect_timeout=2",
    "postgresql://127.0.0.1:9/x?user=me&password=s3cr3t&password=s3cr3t&connect_timeout=2",
    "postgresql://me@127.0.0.1:9/x?sslpassword=s3cr3t&connect_timeout=2",
    "postgresql://me@127.0.0.1:9/x?passwort=s3cr3t",
    "postgresql://me:%73s3cr3t@127.0.0.1:9/x?connect_timeout=2",
    "postgresql://me:p@s3cr3t@127.0.0.1:9/x",
    "postgresql://me:p/s3cr3t@127.0.0.1:9/x@y",
    "postgresql://127.0.0.1:9/x?user=me&password=p@s3cr3t",
    "postgresql://me:s3cr3t",
    "postgresql://127.0.0.1:s3cr3t/x",
    "postgresql://[::1:s3cr3t/x",
    "postgresql://127.0.0.1/x password=s3cr3t",
    "postgresql:/me:s3cr3t@127.0.0.1/x",
    "postgres:me:s3cr3t@127.0.0.1/x",
    "mysql:/me:s3cr3t@127.0.0.1/x",
    "mysql://h/x?password=s3cr3t",
    "mysql://me:s3cr3t@h/x",
    "://me:s3cr3t@h",
    "host=127.0.0.1 port=9 password=s3cr3t",
    "host=127.0.0.1 PASSWORD = 's3cr3t'",
]


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize("url", HIDING_PLACES)
def test_a_password_is_never_shown(
    url: str, read_only: bool, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Not in the message, nor in the traceback with all that it was raised from, nor in what is logged."""
    caplog.set_level("DEBUG")
    with pytest.raises(ScalingSearchError) as caught:
        Ledger.open(url, read_only=read_only)
    told, error = "", caught.value
    while error is not None:
        told += "".join(traceback.format_exception(error))
        error = error.__context__
    captured = capfd.readouterr()
    told += shown(url) + caplog.text + captured.out + captured.err
    # The traceback quotes this very file.
    assert SECRET not in told


@pytest.mark.parametrize("kind", [str, Path])
def test_a_server_is_known_by_user_host_and_database(kind: type) -> None:
    assert shown("postgresql://me:s3cr3t@h:54/x?sslmode=require") == "postgresql://me:***@h:54/x"
    assert shown(locate("postgres://h/x?user=me&password=s3cr3t")) == "postgresql+psycopg://h/x"
    assert shown(kind("a/b.db")) == "a/b.db"


@given(st.text(), st.text(), st.sampled_from(["{}", "postgresql://{}", "sqlite://{}", "postgres:{}"]))
def test_any_text_is_a_location_or_refused(before: str, after: str, form: str) -> None:
    with contextlib.suppress(UsageError):
        locate(form.format(before + SECRET + after))


@given(
    st.text(),
    st.text(),
    st.sampled_from(["postgresql://me:{}@h/x", "x://me:{}@h/x", "postgresql://h/x?password={}"]),
)
@example("a@b", "", "postgresql://me:{}@h/x")
@example("1?2", "3@4", "postgresql://me:{}@h/x")
def test_whatever_is_in_a_password_none_of_it_is_shown(before: str, after: str, form: str) -> None:
    url = form.format(before + SECRET + after)
    assert SECRET not in shown(url)
    try:
        assert SECRET not in repr(locate(url))
    except UsageError as error:
        assert SECRET not in str(error)


def test_the_password_of_the_query_is_the_one_that_counts() -> None:
    url = locate("postgresql://me:one@h/x?password=two")
    assert not isinstance(url, Path) and (url.password, dict(url.query)) == ("two", {})
    assert "two" not in repr(url)


@pytest.mark.parametrize(
    "url",
    ["mysql://u@h/x", "sqlite://", "sqlite:///:memory:", "http://h/x", "postgresql+asyncpg://u@h/x"],
)
def test_urls_of_other_kinds(url: str) -> None:
    with pytest.raises(UsageError, match="legal are a path and postgresql"):
        Ledger.open(url)


def test_urls() -> None:
    assert locate("sqlite:////tmp/a@b@c.db") == Path("/tmp/a@b@c.db")  # noqa: S108
    assert str(locate("postgresql://h/x")) == "postgresql+psycopg://h/x"
    with pytest.raises(UsageError, match="neither a path nor a URL"):
        locate("://x")


def test_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for location in ("~/x.db", Path("~/x.db"), "sqlite:///~/x.db"):
        assert locate(location) == tmp_path / "x.db"
    Ledger.open("~/x.db").close()
    assert repair("~/x.db", Path("~/new.db")).lost == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.db", "x.db"]
    with pytest.raises(UsageError, match="whose home ~ means is not known"):
        locate("~nobody-of-this-name/x.db")


STRANGE = [
    "a%20b #?&=ü'\"[x]",
    "l%41?mode=memory#.db",
    "x\udcff.db",
    "--help",
    "new\nline",
    " ",
    "a\\b",
    "ü" * 100,
]


@pytest.mark.parametrize("name", STRANGE)
def test_a_strange_name_and_no_litter(tmp_path: Path, trial: Callable[[int], TrialRow], name: str) -> None:
    """Bytes that are no UTF-8 among them; as a folder too."""
    folder = tmp_path / name
    folder.mkdir()
    path = folder / name
    with Ledger.open(path) as ledger:
        ledger.add_trials([trial(0)])
    with Ledger.open(str(path), read_only=True) as again:
        assert len(again.trials()) == 1
        assert again.database.name == str(path)
    assert list(folder.iterdir()) == [path]


def test_no_path(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="NUL"):
        Ledger.open(f"{tmp_path}/a\0b")
    with pytest.raises(StorageError, match="too long"):
        Ledger.open(tmp_path / ("x" * 300))
    with pytest.raises(InputError, match="a device or pipe"):
        Ledger.open("/dev/null")
    with pytest.raises(InputError, match="a folder, not a ledger"):
        Ledger.open("")
    assert list(tmp_path.iterdir()) == []


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(NoLedger, match="there is no ledger here"):
        Ledger.open(tmp_path / "x.db", read_only=True)
    with pytest.raises(InputError, match="its folder does not exist"):
        Ledger.open(tmp_path / "no" / "x.db")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="its folder does not exist"):
        Ledger.open(tmp_path / "file" / "x.db")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("read_only", [True, False])
def test_links_that_lead_nowhere(tmp_path: Path, read_only: bool) -> None:
    link = tmp_path / "link.db"
    for target in ("nothing.db", "link.db", "no/where.db"):
        link.symlink_to(target)
        with pytest.raises(InputError, match=rf"link\.db: a link to {target}, where there is nothing"):
            Ledger.open(link, read_only=read_only)
        with pytest.raises(InputError, match="where there is nothing"):
            repair(link, tmp_path / "new.db")
        link.unlink()
    assert list(tmp_path.iterdir()) == []


def queued(folder: Path) -> None:
    """Takes the folder's turn and gives it back; raises where somebody has it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(descriptor)


def test_links_to_a_ledger(path: Path, tmp_path: Path, trial: Callable[[int], TrialRow]) -> None:
    """Writers queue where the file is, by whatever name they came; its journal lies there too."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link.db").symlink_to(path)
    with Ledger.open(folder / "link.db") as one, Ledger.open(path) as other:
        with one.database.writing(), pytest.raises(BlockingIOError):
            queued(path.parent)
        one.add_trials([trial(0)])
        assert len(other.trials()) == 1
    assert [name.name for name in folder.iterdir()] == ["link.db"]


@pytest.mark.parametrize("content", [b"", "an empty database"])
def test_an_empty_file_is_no_ledger_yet(
    tmp_path: Path, content: bytes | str, trial: Callable[[int], TrialRow]
) -> None:
    """What `touch` and `mktemp` leave, or a program that only connected."""
    path = tmp_path / "x.db"
    path.touch()
    if content:
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA user_version = 0")
        connection.execute("VACUUM")
        connection.close()
    before = path.read_bytes()
    with pytest.raises(NoLedger, match="there is no ledger in it yet"):
        Ledger.open(path, read_only=True)
    assert path.read_bytes() == before
    with Ledger.open(path) as ledger:
        ledger.add_trials([trial(0)])
    with Ledger.open(path, read_only=True) as ledger:
        assert len(ledger.trials()) == 1


def test_many_processes_make_one_ledger(tmp_path: Path) -> None:
    """In an empty file, all at once: each adds its trial to the same ledger."""
    path = tmp_path / "x.db"
    code = (
        "import sys; from scaling_search.ledger.ledger import Ledger; "
        "from scaling_search.ledger.storage.rows import TrialRow; "
        "row = TrialRow.waiting(network='n', network_name='n', recipe='{}', dataset='d', dataset_name='d', "
        "seed=int(sys.argv[2])); sys.stdin.read(); "
        "ledger = Ledger.open(sys.argv[1]); ledger.add_trials([row]); ledger.close()"
    )
    workers = [
        subprocess.Popen([sys.executable, "-c", code, path, str(seed)], stdin=subprocess.PIPE)
        for seed in range(4)
    ]
    for worker in workers:
        worker.communicate(b"")
    assert [worker.returncode for worker in workers] == [0] * 4
    with Ledger.open(path, read_only=True) as ledger:
        assert sorted(row.seed for row in ledger.trials()) == [0, 1, 2, 3]
    assert list(tmp_path.iterdir()) == [path]
