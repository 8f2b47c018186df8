"""The persistent compilation cache: no program is compiled twice on one machine."""

from __future__ import annotations

import hashlib
import os
import platform
import tempfile
import warnings
import zlib
from pathlib import Path

import jax
from jax.experimental.compilation_cache import compilation_cache

_ZSTANDARD = b"\x28\xb5\x2f\xfd"


def default_folder() -> Path:
    """The user's cache folder (XDG_CACHE_HOME, else ~/.cache), under our name."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "scaling-search" / "programs"


def enable_cache(folder: Path | None = None) -> Path | None:
    """Keeps every compiled program in ``folder`` (default: `default_folder`) and reuses it, in this and later
    processes.

    JAX's own key covers program, options, versions and device kind; a subfolder per processor keeps a shared home
    from mixing machines whose instruction sets differ. Returns the folder in use, or None, after one warning, where
    it cannot be written: the cache saves time and is never a reason to fail.
    """
    chosen = (default_folder() if folder is None else folder) / _processor()
    # JAX repeats this for every program; on a full disk that would be hundreds of lines.
    warnings.filterwarnings("once", message="Error (reading|writing) persistent compilation cache entry")
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
    # JAX decides once whether there is a cache; a program compiled before this call has decided it.
    compilation_cache.reset_cache()
    return chosen


def _remove_torn(folder: Path) -> None:
    """Removes entries that a kill or a full disk cut short, which JAX would complain of for ever and never replace.

    Only what came since the last look is read.
    """
    looked = folder / ".looked"
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


def _processor() -> str:
    """A short name for the processor's kind and instruction set."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    traits = sorted({line for line in lines if line.startswith(("flags", "Features", "model name"))})
    text = "\n".join([platform.machine(), platform.processor(), *traits])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
