"""The persistent compilation cache: no program is compiled twice on one machine."""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
import warnings
import zlib
from pathlib import Path
from typing import Any

import jax
from jax.experimental.compilation_cache import compilation_cache

from scaling_search.system.files import cache_folder
from scaling_search.system.machine import instruction_set

_LOOKED = ".looked"
_READING = "Error reading persistent compilation cache entry"
_ZSTANDARD = b"\x28\xb5\x2f\xfd"


def enable_cache(folder: Path | None = None) -> Path | None:
    """Keeps every compiled program in ``folder`` (default: `programs` in our cache folder).

    It is reused in this and later processes.

    JAX's own key covers program, options, versions and device kind; a subfolder per processor keeps a shared home
    from mixing machines whose instruction sets differ. Returns the folder in use, or None, after one warning, where
    it cannot be written: the cache saves time and is never a reason to fail.
    """
    processor = hashlib.sha256(instruction_set().encode()).hexdigest()[:16]
    chosen = (cache_folder("programs") if folder is None else folder) / processor
    # JAX repeats this for every program; on a full disk that would be hundreds of lines.
    warnings.filterwarnings("once", message=f"{_READING}|Error writing persistent compilation cache entry")
    try:
        chosen.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=chosen) as probe:
            probe.write(b"writable?")
        _remove_torn(chosen)
    except OSError as error:
        warnings.warn(f"compiled programs are not kept: {chosen} cannot be written ({error})", stacklevel=2)
        return None
    jax.config.update("jax_compilation_cache_dir", str(chosen))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    _look_again_after_errors(chosen)
    # JAX decides once whether there is a cache; a program compiled before this call has decided it.
    compilation_cache.reset_cache()
    return chosen


def _remove_torn(folder: Path) -> None:
    """Removes entries that a kill or a full disk cut short, which JAX would complain of for ever and never replace.

    Only what came since the last look is read, unless an entry could not be read since then.
    """
    looked = folder / _LOOKED
    since = looked.stat().st_mtime if looked.exists() else 0.0
    for entry in folder.glob("*-cache"):
        if entry.stat().st_mtime < since:
            continue
        content = entry.read_bytes()
        try:
            if content[:4] != _ZSTANDARD:  # Python reads zlib alone
                zlib.decompress(content)
        except zlib.error:
            entry.unlink(missing_ok=True)
    looked.touch()


def _look_again_after_errors(folder: Path) -> None:
    """Has every entry looked at when the next process starts, once one cannot be read. JAX only warns of that."""
    show = warnings.showwarning

    def showwarning(message: Warning | str, *rest: Any, **more: Any) -> None:
        if str(message).startswith(_READING):
            with contextlib.suppress(OSError):
                (folder / _LOOKED).unlink(missing_ok=True)
        show(message, *rest, **more)

    warnings.showwarning = showwarning
