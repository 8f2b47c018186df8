"""Ray itself: a cluster of this machine's own or one that runs, its actors, and what its errors mean."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from scaling_search.errors import DeviceError, StorageError, UsageError
from scaling_search.system import machine

_STORE_BYTES = 256 * 2**20  # trials and rows are small; a test split is the largest that goes through it
_TALK = "talk"
_REACH_SECONDS = 10.0
_CROWD = 4  # workers a core: each is a process of a few hundred megabytes
_STARTS = 2  # Ray gives a busy machine half a minute, and no longer


@dataclass(frozen=True, kw_only=True)
class Share:
    """What each worker gets: whole accelerators, or cores of one machine."""

    workers: int
    cpus: int
    gpus: int


def share(nodes: Sequence[tuple[int, int]], count: int | None, *, accelerators: bool) -> Share:
    """How machines with these (cores, accelerators) are shared out among `count` workers.

    Without a count: one worker for each accelerator; where there are none, for as many cores as the smallest machine
    has.

    >>> share([(8, 0), (4, 0)], 3, accelerators=True)
    Share(workers=3, cpus=4, gpus=0)

    Errors: UsageError where that many do not fit.
    """
    gpus = sum(gpu for _, gpu in nodes) if accelerators else 0
    if gpus:
        if count is not None and count > gpus:
            raise UsageError(
                f"--workers {count}: there are {gpus} accelerators, and a worker needs one of its own; seeds that "
                "share one are batched already"
            )
        return Share(workers=count or gpus, cpus=1, gpus=1)
    cores = [cpu for cpu, _ in nodes if cpu > 0]
    if count is None and cores:
        return Share(workers=sum(cpu // min(cores) for cpu in cores), cpus=min(cores), gpus=0)
    wanted = count or 1
    for each in range(max(cores, default=0), 0, -1):
        if sum(cpu // each for cpu in cores) >= wanted:
            return Share(workers=wanted, cpus=each, gpus=0)
    raise UsageError(
        f"--workers {wanted}: this cluster has {sum(cores)} cores, and a worker needs one of its own"
    )


class Cluster:
    """A connection to Ray, made at the first `start`. Errors: DeviceError where Ray is not installed."""

    def __init__(self, count: int | None, address: str | None) -> None:
        if count is not None and count < 1:
            raise UsageError(f"--workers {count}: at least 1")
        try:
            import ray
        except ImportError as error:
            raise DeviceError("workers need Ray: pip install 'scaling-search[ray]'") from error
        self.ray = ray
        self.lost = (
            ray.exceptions.RayActorError,
            ray.exceptions.OutOfMemoryError,
            ray.exceptions.NodeDiedError,
        )
        most = _CROWD * machine.cores()
        if address is None and count is not None and count > most:
            raise UsageError(
                f"--workers {count}: this machine has {machine.cores()} cores, which at most {most} workers can share"
            )
        self._count, self._address = count, address
        self._share: Share | None = None
        self._started = False

    def start(self) -> int:
        """Connects, unless that is done; how many workers there are to be. Errors: UsageError, DeviceError."""
        if self._share is None:
            self._connect()
            nodes = [
                (int(node["Resources"].get("CPU", 0)), int(node["Resources"].get("GPU", 0)))
                for node in self.ray.nodes()
                if node["Alive"]
            ]
            accelerators = os.environ.get("JAX_PLATFORMS", "") != "cpu"
            self._share = share(nodes, self._count, accelerators=accelerators)
        return self._share.workers

    @property
    def waits(self) -> str:
        """Why there may be no worker for long."""
        if self._address is None:
            return "this machine is busy, the first has not started yet"
        return "the cluster has no free cores or accelerator for one"

    def actor(self, kind: type[Any]) -> Any:
        """A new actor of this class; Ray begins neither it nor its calls again."""
        assert self._share is not None  # noqa: S101 - for the type checker
        local = self._address is None
        # On its own machine more workers than cores may be asked for: they share cores.
        cores = max(1, machine.cores() // self._share.workers) if local else self._share.cpus
        return (
            self.ray.remote(concurrency_groups={_TALK: 1})(kind)
            .options(
                num_cpus=self._share.cpus,
                num_gpus=self._share.gpus,
                max_restarts=0,
                max_task_retries=0,
                scheduling_strategy="SPREAD",
            )
            .remote(None if self._share.gpus else cores)
        )

    def listen(self, actor: Any, stop: bool) -> Any:
        """A reference to `WorkerProcess.listen`, which is answered while the actor works."""
        return actor.listen.options(concurrency_group=_TALK).remote(stop)

    def put(self, value: Any) -> Any:
        """A reference to a value that many calls are given. Errors: StorageError where there is no room for it."""
        try:
            return self.ray.put(value)
        except self.ray.exceptions.RayError as error:
            raise StorageError(f"Ray's object store has no room: {_first_line(error)}") from error

    def ready(self, refs: list[Any], seconds: float) -> list[Any]:
        """Those that have ended, after a wait for the first."""
        if not refs:
            time.sleep(seconds)
            return []
        found, _ = self.ray.wait(refs, num_returns=1, timeout=seconds)
        if found and len(refs) > 1:
            found, _ = self.ray.wait(refs, num_returns=len(refs), timeout=0)
        return list(found)

    def out_of_memory(self, error: Exception) -> bool:
        """Whether a worker was ended because its machine ran out of memory."""
        return isinstance(error, self.ray.exceptions.OutOfMemoryError)

    def why(self, error: Exception) -> str:
        """The end of a worker in one line."""
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        said = [
            line for line in lines if not line.startswith(("class_name", "actor_id", "pid", "name", "ip"))
        ]
        return " ".join(said[1:3] or said)[:500]

    def close(self) -> None:
        """Ends the workers, and Ray where it was started here."""
        if self._started:
            self._started, self._share = False, None
            self.ray.shutdown()

    def _connect(self) -> None:
        local = self._address is None
        own = {
            "num_cpus": max(self._count or 1, machine.cores()),
            "include_dashboard": False,
            "object_store_memory": _STORE_BYTES,
        }
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        for left in reversed(range(_STARTS if local else 1)):
            try:
                _reach(_resolved(self._address))
                with _own_signals():
                    self.ray.init(
                        address="local" if local else self._address,
                        log_to_driver=False,
                        logging_level=logging.CRITICAL,
                        **(own if local else {}),
                    )
                break
            except ConnectionError as error:
                if any("Authentication token" in str(one) for one in _causes(error)):
                    raise UsageError(
                        f"--ray {self._address}: the cluster there wants a token, and this process has none or "
                        "another: RAY_AUTH_MODE=token, and the token in RAY_AUTH_TOKEN or ~/.ray/auth_token"
                    ) from error
                raise UsageError(
                    f"--ray {self._address}: no cluster there ({_first_line(error)}); `ray start --head` starts one"
                ) from error
            except Exception as error:  # Ray has no class of its own for what goes wrong here
                self.ray.shutdown()
                if "ersion mismatch" in str(error):
                    raise UsageError(f"--ray {self._address}: {' '.join(str(error).split())}") from error
                if not left:
                    raise DeviceError(f"Ray does not start: {_first_line(error)}") from error
        self._started = True


def _resolved(address: str | None) -> str | None:
    """`auto` as HOST:PORT, as Ray itself finds it, which may be a cluster long gone. Errors: ConnectionError."""
    if address != "auto":
        return address
    try:
        from ray._private.services import canonicalize_bootstrap_address_or_die as found
    except ImportError:  # another Ray: it looks itself
        return address
    return str(found(address))


def _reach(address: str | None) -> None:
    """Ray itself tries for minutes. Errors: ConnectionError where nobody listens at HOST:PORT."""
    host, _, port = (address or "").rpartition(":")
    if host and "/" not in host and port.isdigit():
        try:
            socket.create_connection((host, int(port)), timeout=_REACH_SECONDS).close()
        except (OSError, OverflowError) as error:
            raise ConnectionError(str(error)) from error


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Keeps the handlers of signals, of which Ray replaces SIGTERM's."""
    try:
        before = {signum: signal.getsignal(signum) for signum in (signal.SIGTERM, signal.SIGINT)}
        yield
    finally:
        with contextlib.suppress(ValueError):  # not in the main thread, where Ray sets none either
            for signum, handler in before.items():
                signal.signal(signum, handler)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and what it was raised from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
