"""Custom calls for a CPU, compiled once per machine by its own C++ compiler, where it has one.

`kernels/*` is compiled into a shared library in the user's cache folder. Its name has a hash of all that it depends on
(sources, XLA's headers, compiler, flags and processor) and one of its content, because a damaged library would take the
process down with it. A machine without a compiler, or whose compiler fails, has no
kernels: then every caller runs its formulation in XLA's own operations, which gives equal results.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import functools
import hashlib
import logging
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from importlib import metadata
from importlib.resources import files
from pathlib import Path

import jax
import jax.ffi

from scaling_search.system.files import cache_folder
from scaling_search.system.machine import instruction_set

Sources = list[tuple[str, bytes]]

SWITCH = "SCALING_SEARCH_KERNELS"
# As a platform: a CPU without kernels, computing in the type of the images (float32 or float64).
PLAIN = "plain"
_FLAGS = ("-std=c++17", "-O3", "-fPIC", "-shared", "-pthread", "-fno-math-errno", "-fno-strict-aliasing")
_NATIVE = (("-march=native",), ("-mcpu=native",), ())
_PATIENCE_SECONDS = 300
_once = threading.Lock()
_log = logging.getLogger(__name__)


def call(
    function: str, results: list[jax.ShapeDtypeStruct], *arguments: jax.Array, **attributes: object
) -> list[jax.Array]:
    """Run a kernel on float32 arrays. Leading axes that `vmap` adds are the kernel's own business (seeds)."""
    identity = version()
    if identity is None:
        raise RuntimeError("no kernels on this machine: ask version() first")
    run = jax.ffi.ffi_call(f"{function}_{identity}", results, vmap_method="broadcast_all")
    return list(run(*arguments, **attributes))


def version() -> str | None:
    """What tells these kernels from any others, 16 hex digits; None where the machine has none.

    The first call compiles (a few seconds, once per machine) and registers them with XLA.
    `SCALING_SEARCH_KERNELS=off` does without.
    """
    with _once:
        return _load()[0]


def serves(platform: str) -> bool:
    """Whether kernels run on this platform: on a CPU, where the machine has them."""
    return platform == "cpu" and version() is not None


def state() -> str:
    """In words, for whoever looks after the machine: which kernels are in use, or why there are none."""
    with _once:
        identity, words = _load()
    return words if identity is None else f"compiled by {words}, version {identity}"


@functools.cache
def _load() -> tuple[str | None, str]:
    """(identity, compiler) of the kernels, or (None, why there are none)."""
    if os.environ.get(SWITCH) == "off":
        return None, f"none: switched off by {SWITCH}"
    compiler = _compiler()
    if compiler is None:
        return None, "none: no C++ compiler on the PATH (c++, g++ or clang++; CXX names another)"
    try:
        sources = _sources()
        identity = _identity(compiler, sources)
        library = _opened(_built(compiler, identity, sources))
    except (OSError, subprocess.SubprocessError) as error:
        return None, f"none: {error}"
    for name in _handlers(sources):
        handler = jax.ffi.pycapsule(getattr(library, f"scaling_search_{name}"))
        jax.ffi.register_ffi_target(f"{name}_{identity}", handler, platform="cpu")
    return identity, compiler


def _opened(library: Path) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(str(library))
    except OSError:
        library.unlink(missing_ok=True)  # no library, whatever the compiler said
        raise


def _handlers(sources: Sources) -> list[str]:
    code = "".join(content.decode() for _, content in sources)
    return re.findall(r"^KERNEL\((\w+)", code, re.MULTILINE)


def _compiler() -> str | None:
    named = os.environ.get("CXX")
    return next(
        (found for name in (named, "c++", "g++", "clang++") if name and (found := shutil.which(name))), None
    )


def _sources() -> Sources:
    folder = files("scaling_search.networks") / "kernels"
    return sorted(
        (file.name, file.read_bytes()) for file in folder.iterdir() if file.name.endswith((".h", ".cc"))
    )


def _identity(compiler: str, sources: Sources) -> str:
    about = subprocess.run([compiler, "--version"], capture_output=True, check=True, timeout=60).stdout  # noqa: S603
    digest = hashlib.sha256(
        b"\0".join([compiler.encode(), about, repr((_FLAGS, _NATIVE)).encode(), instruction_set().encode()])
    )
    digest.update(metadata.version("jaxlib").encode())
    for name, content in sources:
        digest.update(name.encode() + b"\0" + content)
    return digest.hexdigest()[:16]


def _built(compiler: str, identity: str, sources: Sources) -> Path:
    """The library's path, after compiling it where no process has yet. Complete or absent: it is moved into place."""
    folder = cache_folder("kernels")
    folder.mkdir(parents=True, exist_ok=True)
    if hasattr(os, "getuid") and folder.stat().st_uid != os.getuid():
        raise OSError(f"{folder} belongs to another user")
    if (library := _found(folder, identity)) is not None:
        return library
    with _alone(folder), tempfile.TemporaryDirectory(dir=folder) as scratch:
        if (library := _found(folder, identity)) is not None:
            return library
        for name, content in sources:
            (Path(scratch) / name).write_bytes(content)
        made = Path(scratch) / "kernels.so"
        source = str(Path(scratch) / "kernels.cc")
        for native in _NATIVE:
            command = [compiler, *_FLAGS, *native, "-isystem", jax.ffi.include_dir(), source, "-o", str(made)]
            done = subprocess.run(command, capture_output=True, timeout=_PATIENCE_SECONDS)  # noqa: S603
            if done.returncode == 0:
                return made.rename(folder / f"kernels-{identity}-{_digest(made)}.so")
    said = done.stderr.decode(errors="replace").strip()
    raise OSError(
        f"{compiler} could not compile the kernels: {said.splitlines()[-1] if said else done.returncode}"
    )


def _found(folder: Path, identity: str) -> Path | None:
    """The library that is there, if it is what was compiled; others of its name are removed."""
    for library in folder.glob(f"kernels-{identity}-*.so"):
        with contextlib.suppress(OSError):  # a link that leads nowhere, a folder
            if library.name == f"kernels-{identity}-{_digest(library)}.so":
                return library
        _log.warning("%s is damaged: the kernels are compiled anew", library)
        with contextlib.suppress(OSError):
            library.unlink(missing_ok=True)
    return None


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Waits while another process compiles; on a file system without locks both do, which costs only time."""
    # A link in its place is not followed: it would empty what it points to.
    lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
