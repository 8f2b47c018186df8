"""Kernels come from the machine's own compiler, or not at all; and give the same bits on any number of threads."""

from __future__ import annotations

import _ctypes
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaling_search.networks import native
from scaling_search.networks.depthwise import depthwise
from scaling_search.networks.gate import squeeze_and_excite
from scaling_search.networks.normalization import batch_norm

needs_kernels = pytest.mark.skipif(native.version() is None, reason="no C++ compiler on this machine")
load = native._load.__wrapped__  # not what this process remembers


def _compiler(folder: Path, script: str) -> str:
    path = folder / "compiler"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(native.SWITCH, "off")
    assert load() == (None, "none: switched off by SCALING_SEARCH_KERNELS")


def test_no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    identity, why = load()
    assert identity is None
    assert "no C++ compiler" in why


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("exit 1", "returned non-zero exit status 1"),
        ('[ "$1" = --version ] && exit 0; echo kernels.cc: a word unknown >&2; exit 1', "a word unknown"),
        ("[ x$1 = x--version ] && exit 0; for last; do :; done; echo torn > $last", "kernels-"),
    ],
    ids=["broken", "cannot compile", "makes no library"],
)
def test_a_compiler_that_fails(
    script: str, says: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CXX", _compiler(tmp_path, script))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    identity, why = load()
    assert identity is None
    assert why.startswith("none: ")
    assert says in why
    assert not list(tmp_path.glob("cache/**/*.so"))


DAMAGES: dict[str, Callable[[Path, bytes], object]] = {
    "cut short": lambda path, content: path.write_bytes(content[: len(content) // 2]),
    "zeros": lambda path, content: path.write_bytes(content[: len(content) // 2] + bytes(len(content) // 2)),
    "padded": lambda path, content: path.write_bytes(content + b"\0"),
    "empty": lambda path, _: path.write_bytes(b""),
    "text": lambda path, _: path.write_text("<html>no such page</html>"),
    "one bit": lambda path, content: path.write_bytes(bytes([content[0] ^ 1]) + content[1:]),
    "another library": lambda path, _: path.write_bytes(Path(_ctypes.__file__).read_bytes()),
    "a link to another library": lambda path, _: (path.unlink(), path.symlink_to(_ctypes.__file__)),
    "a link that leads nowhere": lambda path, _: (path.unlink(), path.symlink_to("nowhere.so")),
}


@needs_kernels
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_library_is_compiled_anew(
    damage: Callable[[Path, bytes], object],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # Loaded as it is, it ends the process with SIGBUS or SIGSEGV.
    sources = [("kernels.cc", b'extern "C" int answer() { return 42; }')]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    compiler = native._compiler()
    assert compiler is not None
    library = native._built(compiler, "identity", sources)
    content = library.read_bytes()
    damage(library, content)
    again = native._built(compiler, "identity", sources)
    assert again.read_bytes() == content
    assert "compiled anew" in caplog.text
    assert native._built(compiler, "identity", sources) == again  # and is kept


@needs_kernels
def test_a_link_in_place_of_the_lock_is_not_followed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("kept")
    folder = tmp_path / "scaling-search" / "kernels"
    folder.mkdir(parents=True)
    (folder / "lock").symlink_to(precious)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    identity, why = load()
    assert identity is None
    assert "lock" in why
    assert precious.read_text() == "kept"


def test_a_cache_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CXX", _compiler(tmp_path, "exit 0"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    identity, why = load()
    assert identity is None
    assert "Not a directory" in why


def test_the_library_is_named_by_all_it_depends_on(tmp_path: Path) -> None:
    one = _compiler(tmp_path, "echo version 1")
    sources = native._sources()
    name = native._identity(one, sources)
    assert native._identity(one, sources) == name
    _compiler(tmp_path, "echo version 2")
    assert native._identity(one, sources) != name
    _compiler(tmp_path, "echo version 1")
    assert native._identity(one, [*sources, ("more.h", b"")]) != name


def test_sources_are_part_of_the_package() -> None:
    assert (files("scaling_search.networks") / "kernels" / "kernels.cc").is_file()
    assert {name for name, _ in native._sources()} >= {"kernels.cc", "common.h", "depthwise.h", "gate.h"}
    assert set(native._handlers(native._sources())) >= {
        "depthwise_forward",
        "batch_norm_backward",
        "gate_forward",
    }


@needs_kernels
def test_state_names_the_kernels() -> None:
    version = native.version()
    assert version is not None
    assert native.state().endswith(f", version {version}")


def _step(x: jax.Array, kernel: jax.Array, w1: jax.Array, w2: jax.Array) -> jax.Array:
    """A block's worth of kernels."""
    channels = x.shape[-1]
    one, zero = jnp.ones(channels), jnp.zeros(channels)
    y = depthwise(x, kernel, 2, ((1, 1), (0, 2)))
    y, mean, variance = batch_norm(
        y, one, zero, zero, one, train=True, momentum=0.9, epsilon=1e-3, activation="silu", platform="cpu"
    )
    y = squeeze_and_excite(y, w1, jnp.zeros(len(w2)), w2, zero, ("silu", "sigmoid"))
    return (y * y).sum() + (mean + variance).sum()


_gradients = jax.jit(jax.grad(_step, argnums=(0, 1, 2, 3)))


def _block() -> bytes:
    rng = np.random.default_rng(3)
    shapes = ((9, 33, 34, 40), (3, 3, 40), (40, 10), (10, 40))
    arguments = [jnp.asarray(rng.normal(size=shape), jnp.float32) for shape in shapes]
    return b"".join(np.asarray(gradient).tobytes() for gradient in _gradients(*arguments))


@needs_kernels
def test_several_threads_at_once_get_the_same_bits() -> None:
    alone = _block()
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: _block(), range(24))) == {alone}


@needs_kernels
def test_other_processes_get_the_same_bits_and_reuse_the_programs(tmp_path: Path) -> None:
    code = (
        "import os, sys; os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:int(sys.argv[2])])\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "import hashlib, test_native\nprint(hashlib.sha256(test_native._block()).hexdigest())"
    )
    environment = os.environ | {
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    ours, kept = hashlib.sha256(_block()).hexdigest(), []
    for cores in ("2", "2", "1"):
        command = [sys.executable, "-c", code, str(Path(__file__).parent), cores]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == ours
        kept.append({path.name for path in tmp_path.glob("*-cache")})
    assert kept[0]
    assert kept[1] == kept[0]


@needs_kernels
def test_a_call_that_does_not_fit_its_kernel_is_refused() -> None:
    """Not run: what lies behind an array's end is somebody else's."""
    three = jax.ShapeDtypeStruct((3,), jnp.float32)
    vector = jnp.zeros(7, jnp.float32)
    with pytest.raises(jax.errors.JaxRuntimeError, match="the pieces are not the vector"):
        native.call("split", [three, three], vector)
    with pytest.raises(jax.errors.JaxRuntimeError, match="too many arrays or attributes"):
        native.call("split", [three, three, three], vector, vector)
    channel = jnp.zeros(3, jnp.float32)
    with pytest.raises(jax.errors.JaxRuntimeError, match="INVALID_ARGUMENT"):
        native.call("batch_norm_apply", [three], *[channel] * 5, activation=np.int64(0))
