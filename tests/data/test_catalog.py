from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from scaling_search.data import catalog, digits
from scaling_search.data.paths import VARIABLE, check_name, data_directory, printable
from scaling_search.errors import InputError

Pictures = Callable[..., Path]


def test_digits_is_always_there_and_fashion_mnist_is_known() -> None:
    assert catalog.names() == ("digits", "fashion_mnist")
    info = catalog.prepare("digits")
    assert replace(info, counts=None, summary=None) == catalog.describe("digits")
    assert sum(info.counts["train"]) == info.train_count
    assert info.summary.duplicates.images == 0


@pytest.mark.parametrize("call", [catalog.load, catalog.load_test, catalog.describe, catalog.prepare])
def test_an_unknown_name_gets_the_nearest(call: Callable[[str], object]) -> None:
    with pytest.raises(InputError, match="did you mean 'fashion_mnist'") as caught:
        call("fashion-mnist")
    assert "--from DIR" in str(caught.value)


HOSTILE = [
    "..",
    "../x",
    "a/b",
    "/etc",
    "",
    ".",
    ".hidden",
    "-rf",
    "a..b",
    "a.",
    "a\x1b[31m",
    "a b",
    "<b>",
    "=1",
]


@pytest.mark.parametrize("name", [*HOSTILE, "x" * 101, "é", "a\n", "con\0"])
def test_names_that_could_do_harm_are_refused(name: str, pictures: Pictures, data_dir: Path) -> None:
    for call in (catalog.load, catalog.load_test, catalog.describe):
        with pytest.raises(InputError, match="cannot be used") as caught:
            call(name)
        assert str(caught.value).isprintable()
    with pytest.raises(InputError, match="cannot be used"):
        catalog.prepare(name, source=pictures())
    assert not data_dir.exists()


@pytest.mark.parametrize("name", ["digits", "a-b_c", "many.small", "Cifar10", "x" * 100])
def test_names_that_may_be_used(name: str) -> None:
    assert check_name(name) == name


def test_a_folder_cannot_take_the_name_of_another_kind(pictures: Pictures) -> None:
    with pytest.raises(InputError, match="'digits' names another data set"):
        catalog.prepare("digits", source=pictures())


def test_loading_never_opens_the_test_split(pictures: Pictures, data_dir: Path) -> None:
    catalog.prepare("mine", source=pictures())
    for path in (data_dir / "folders" / "mine").glob("test-*"):
        path.write_bytes(b"opening this would fail")
    data = catalog.load("mine")
    assert data.mean.shape == data.std.shape == (3,)
    with pytest.raises(InputError, match="damaged"):
        catalog.load_test("mine")


def test_loading_digits_never_asks_for_test(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    real = digits.read_digits
    monkeypatch.setattr(digits, "read_digits", lambda *, test: (asked.append(test), real(test=test))[1])
    catalog.load("digits")
    assert asked == [False]


def test_one_public_function_opens_the_test_split() -> None:
    module = ast.parse(inspect.getsource(catalog))
    opens = [
        function.name
        for function in module.body
        if isinstance(function, ast.FunctionDef)
        and any(isinstance(node, ast.Constant) and node.value == "test" for node in ast.walk(function))
    ]
    # `prepare` decodes it, and keeps nothing of it.
    assert opens == ["load_test", "prepare"]


def test_the_data_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, "/somewhere")
    assert data_directory() == Path("/somewhere")
    assert data_directory(tmp_path) == tmp_path
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert data_directory() == Path("/caches/scaling-search")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", "/users/someone")
    assert data_directory() == Path("/users/someone/.cache/scaling-search")


def test_the_directory_given_is_the_one_used(pictures: Pictures, tmp_path: Path, data_dir: Path) -> None:
    catalog.prepare("mine", source=pictures(), data_dir=tmp_path / "other")
    assert "mine" in catalog.names(data_dir=tmp_path / "other")
    assert catalog.load("mine", data_dir=tmp_path / "other").classes == ("cat", "dog")
    assert "mine" not in catalog.names()
    assert not data_dir.exists()


def test_text_made_printable() -> None:
    assert printable("a\x1b[0m\u202eb\udcffé β") == "a\\x1b[0m\\u202eb\\udcffé β"
