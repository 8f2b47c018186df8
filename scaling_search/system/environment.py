"""The process's environment, made fit before anything heavy is loaded: streams, a home, and JAX's variables.

Variables that choose platform, devices, caches, memory or logs are the user's business. All others of JAX and XLA
change the arithmetic of trials, whose results would then not be comparable with the ledger's: they are taken out.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import MutableMapping
from pathlib import Path

_NAME = "scaling-search"
_PASS = (
    "JAX_PLATFORM",  # JAX_PLATFORMS, JAX_PLATFORM_NAME
    "JAX_CUDA_",
    "JAX_ROCM_",
    "JAX_TPU_",
    "JAX_LOCAL_",
    "JAX_NUM_",
    "JAX_NUMPY_RANK_PROMOTION",  # refuses programs, and changes none
    "JAX_CPU_",
    "JAX_COORDINATOR",
    "JAX_COORDINATION",
    "JAX_PROCESS",
    "JAX_COMPILATION_CACHE",
    "JAX_ENABLE_COMPILATION_CACHE",
    "JAX_PERSISTENT_CACHE",
    "JAX_RAISE_PERSISTENT_CACHE",
    "JAX_COMPILER_",
    "JAX_LOG",
    "JAX_DUMP",
    "JAX_TRACEBACK",
    "JAX_HOST_CALLBACK",
    "JAX_PROFILER",
    "JAX_DISTRIBUTED",
)
_PASS_FLAGS = (
    "--xla_force_host_platform_device_count",
    "--xla_dump_",
    "--xla_gpu_cuda_data_dir",
    "--xla_gpu_force_compilation_parallelism",
    "--xla_cpu_parallel_codegen_split_count",
    "--xla_gpu_memory_limit",
    "--xla_tpu_",
)


def prepare(environment: MutableMapping[str, str] = os.environ) -> list[str]:
    """Makes the environment fit. Returns a sentence for each variable that is taken out.

    >>> shell = {"HOME": "/root", "JAX_ENABLE_X64": "1", "JAX_PLATFORMS": "cpu"}
    >>> prepare(shell)
    ['JAX_ENABLE_X64=1 is ignored: it would change the arithmetic of trials']
    >>> shell
    {'HOME': '/root', 'JAX_PLATFORMS': 'cpu'}
    """
    _give_home(environment)
    said = []
    for name in sorted(environment):
        if name.startswith("JAX_") and not name.startswith(_PASS):
            said.append(
                f"{name}={environment.pop(name)} is ignored: it would change the arithmetic of trials"
            )
    flags = environment.get("XLA_FLAGS", "").split()
    kept = [flag for flag in flags if flag.startswith(_PASS_FLAGS)]
    for flag in flags:
        if flag not in kept:
            said.append(f"XLA_FLAGS {flag} is ignored: it would change the arithmetic of trials")
    if flags:
        environment["XLA_FLAGS"] = " ".join(kept)
    return said


def open_streams() -> None:
    """Gives a process that was started without stdin, stdout or stderr empty ones.

    Else the next file that is opened, the ledger say, would get the number, and messages would be written into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _give_home(environment: MutableMapping[str, str]) -> None:
    """A folder of the user's own where there is no home: several libraries ask for one, and end without.

    An empty or a relative HOME is none: it would be another folder in every folder.
    """
    given = environment.get("HOME")
    if given and Path(given).is_absolute():
        return
    environment.pop("HOME", None)
    try:
        found = Path.home()
    except RuntimeError:
        found = Path(tempfile.gettempdir()) / f"{_NAME}-{os.getuid() if hasattr(os, 'getuid') else 0}"
        given = ""
    if given is not None:
        environment["HOME"] = str(found)
