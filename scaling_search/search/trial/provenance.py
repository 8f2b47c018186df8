"""What a result was made with: device, versions, and the commit of this program where it runs from a checkout."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path

from scaling_search.errors import DeviceError
from scaling_search.report.figures import count
from scaling_search.system import machine

# What of jax's settings changes the arithmetic of trials, and what ledgers' results were made with.
_SETTINGS = {
    "jax_enable_x64": False,
    "jax_default_matmul_precision": None,
    "jax_numpy_dtype_promotion": "standard",
    "jax_default_prng_impl": "threefry2x32",
    "jax_disable_jit": False,
}
XLA = "XLA"
_PACKAGES = ("scaling-search", "jax", "jaxlib", "flax", "optax", "numpy")


@cache
def versions() -> str:
    """JSON: Python and the packages that decide a result."""
    found = {"python": platform.python_version()}
    found |= {name: metadata.version(name) for name in _PACKAGES}
    return json.dumps(found, sort_keys=True)


@cache
def device() -> str:
    """The default device as XLA names it, and the processor behind a CPU."""
    import jax

    first = jax.devices()[0]
    if first.platform != "cpu":
        return f"{jax.device_count()} x {first.device_kind}"
    return f"cpu, {machine.processor()}, {count(machine.cores(), 'core')}"


@cache
def arithmetic() -> str:
    """Whose arithmetic results have: our kernels' (with their version) or the compiler's own; on a CPU its vectors."""
    from scaling_search.networks import native

    if platform_name() != "cpu":
        return XLA
    version, bits = native.version(), machine.vector_bits()
    return (XLA if version is None else f"kernels {version}") + (
        "" if bits is None else f", {bits}-bit vectors"
    )


def check_settings() -> None:
    """Errors: DeviceError where the program around us has set jax to another arithmetic than results here have."""
    import jax

    for name, usual in _SETTINGS.items():
        if (found := getattr(jax.config, name)) != usual:
            raise DeviceError(
                f"{name} is {found!r} in this process: trials are trained with {usual!r}; set it back, or train in a "
                "process of its own"
            )


def speed_traits() -> str:
    """What decides how fast this machine is, as far as it is known without starting the accelerator's library."""
    gpus = sorted(
        line.partition(":")[2].strip()
        for file in Path("/proc/driver/nvidia/gpus").glob("*/information")
        for line in file.read_text(errors="replace").splitlines()
        if line.startswith("Model:")
    )
    chosen = {
        name: os.environ.get(name)
        for name in ("JAX_PLATFORMS", "CUDA_VISIBLE_DEVICES", "SCALING_SEARCH_KERNELS")
    }
    return json.dumps([machine.processor(), machine.cores(), gpus, chosen])


def platform_name() -> str:
    """cpu, gpu or tpu: what networks are built for."""
    import jax

    return str(jax.default_backend())


def available_memory() -> int | None:
    """Bytes that a trial may take: what the accelerator has free, or the host on a CPU. None: not known."""
    import jax

    first = jax.devices()[0]
    if first.platform != "cpu":
        stats = first.memory_stats()
        return None if not stats else int(stats["bytes_limit"]) - int(stats["bytes_in_use"])
    return machine.available_memory()


@cache
def commit() -> tuple[str | None, bool | None]:
    """(commit, dirty) of the checkout that this program is installed from; (None, None) outside one."""
    root = Path(__file__).resolve().parents[3]
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        return None, None
    try:
        head = _run(git, root, "rev-parse", "HEAD")
        return head.strip(), bool(_run(git, root, "status", "--porcelain", "--untracked-files=no").strip())
    except (OSError, subprocess.SubprocessError):
        return None, None


def _run(git: str, root: Path, *words: str) -> str:
    done = subprocess.run(  # noqa: S603 - fixed words, no shell
        [git, "-C", str(root), *words], capture_output=True, text=True, timeout=10, check=True
    )
    return done.stdout
