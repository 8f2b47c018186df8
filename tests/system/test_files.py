"""The cache folder, and files that appear complete or not at all."""

import os
import stat
from pathlib import Path

import pytest

from scaling_search.errors import StorageError
from scaling_search.system import files
from scaling_search.system.files import cache_folder, replacing, save


def test_the_cache_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder("programs") == tmp_path / "scaling-search" / "programs"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "scaling-search"


def test_without_a_home_the_cache_is_a_temporary_folder_of_the_users_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(files.platformdirs, "user_cache_path", lambda name: Path("~/.cache") / name)
    monkeypatch.setattr(files.tempfile, "gettempdir", lambda: str(tmp_path))
    assert cache_folder("timings") == tmp_path / f"scaling-search-{os.getuid()}" / "timings"


def test_a_file_is_replaced_as_a_whole_or_stays(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "file"
    save("first, α", path)
    assert path.read_text(encoding="utf-8") == "first, α"
    with pytest.raises(KeyError), replacing(path) as file:
        file.write(b"second")
        raise KeyError
    assert path.read_text(encoding="utf-8") == "first, α"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_permissions_are_those_of_other_new_files(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        save(b"", tmp_path / "file")
        assert os.umask(mask) == mask, "reading the mask must not change it"
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666 & ~mask


def test_a_file_that_cannot_be_written_names_path_and_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match=r"cannot write .*file/below: (Not a directory|File exists)"):
        save("text", tmp_path / "file" / "below")


def test_no_file_takes_the_place_of_a_pipe_or_a_link(tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        save("text", pipe)
        assert os.read(reader, 10) == b"text"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    link.symlink_to(tmp_path / "behind")
    save("text", link)
    assert link.is_symlink() and (tmp_path / "behind").read_text() == "text"
