"""Kernels that come and go: one trial has one arithmetic, and a comparison of several says so."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from scaling_search.errors import DeviceError
from scaling_search.ledger.ledger import Ledger
from scaling_search.search.trial import provenance, setup
from scaling_search.system import machine
from tests.search.pretend import Listener


def trial(arithmetic: str | None) -> Any:
    return SimpleNamespace(arithmetic=arithmetic)


def networks(arithmetic: str) -> Any:
    return SimpleNamespace(arithmetic=arithmetic, platform="cpu")


@pytest.fixture
def mine() -> str:
    return "kernels 0123456789abcdef, 256-bit vectors"


@pytest.mark.parametrize(
    "other",
    ["XLA, 256-bit vectors", "kernels fedcba9876543210, 256-bit vectors", "XLA", "XLA, 512-bit vectors"],
)
def test_a_comparison_that_mixes_arithmetics(mine: str, other: str) -> None:
    listener = Listener()
    setup.check_arithmetic([trial(mine), trial(None)], networks(mine), listener, exact=True)
    assert listener.said == []
    setup.check_arithmetic([trial(mine), trial(other)], networks(mine), listener, exact=False)
    assert len(listener.said) == 1 and other in listener.said[0] and mine in listener.said[0]
    with pytest.raises(DeviceError, match="with --exact they are not compared"):
        setup.check_arithmetic([trial(other)], networks(mine), listener, exact=True)


def test_that_there_are_no_kernels_is_said_at_the_start() -> None:
    listener = Listener()
    setup.check_arithmetic([], networks("XLA, 512-bit vectors"), listener, exact=False)
    assert "no kernels here" in listener.said[0]


@pytest.mark.parametrize(
    ("flags", "bits"),
    [
        ("flags : sse2 avx avx2 avx512f", 512),
        ("flags : sse2 avx avx2", 256),
        ("flags : fpu sse2", 128),
        ("Features : fp asimd", 128),
        ("model name : avx512f of a name", None),
    ],
)
def test_how_wide_vectors_are(flags: str, bits: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_cpuinfo", lambda: (flags,))
    assert machine.vector_bits() == bits
    monkeypatch.setattr(provenance, "platform_name", lambda: "cpu")
    monkeypatch.setenv("SCALING_SEARCH_KERNELS", "off")
    from scaling_search.networks import native

    monkeypatch.setattr(native, "version", lambda: None)
    provenance.arithmetic.cache_clear()
    try:
        assert provenance.arithmetic() == ("XLA" if bits is None else f"XLA, {bits}-bit vectors")
    finally:
        provenance.arithmetic.cache_clear()


def test_two_databases_have_two_folders_of_checkpoints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scaling_search.ledger.storage.location import connect, locate

    apart = [f"postgresql://{user}@h/{name}" for user in ("a", "b") for name in ("one", "two")]
    apart += ["postgresql://a@other/one", "postgresql://a@h:6543/one"]
    # How it is reached changes nothing, nor who may know the password.
    same = [
        f"postgresql+psycopg://a{secret}@h{port}/one{more}"
        for secret in ("", ":s")
        for port in ("", ":5432")
        for more in ("", "?connect_timeout=9", "?password=s")
    ]
    same += ["postgres://h/one?user=a", "postgresql:///one?host=h&user=a&port=5432"]

    def folders(urls: list[str]) -> set[Any]:
        ledgers = [SimpleNamespace(database=connect(locate(url), read_only=True)) for url in urls]
        return {setup.checkpoint_folder(cast(Ledger, ledger)) for ledger in ledgers}

    assert len(folders(apart)) == len(apart)
    assert folders(same) == folders(apart[:1])
    monkeypatch.chdir(tmp_path)
    Path("other").mkdir()
    Path("link.db").symlink_to("l.db")
    for path in ("l.db", f"{tmp_path}/l.db", "./other/../l.db", "m.db", "other/l.db", "link.db"):
        with Ledger.open(path) as ledger:
            real = Path(path).resolve()
            assert setup.checkpoint_folder(ledger).resolve() == real.with_name(f"{real.name}.checkpoints")


# jax, loaded by other tests, warns of every fork.
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")
def test_a_damaged_kernel_library_under_torture(tmp_path: Path) -> None:
    from benchmarks.torture import kernels

    outcome = kernels.damaged(3, tmp_path)
    assert outcome.survived == outcome.tried
