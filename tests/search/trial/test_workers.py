"""Worker processes of Ray: the answer of a single process, whatever happens to them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scaling_search.errors import DeviceError, InputError, ScalingSearchError, UsageError
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.recovery.check import check
from scaling_search.search.grid import search
from scaling_search.search.plan.search_space import search_space
from scaling_search.search.recipe_check.check import recipe
from scaling_search.search.trial import worker_trainer
from scaling_search.search.trial.cluster import Cluster, Share, share
from scaling_search.search.trial.setup import load_data
from scaling_search.search.trial.trial import Callback, trial_of
from scaling_search.search.trial.worker import Worker
from scaling_search.search.trial.worker_process import Place
from scaling_search.search.trial.workers import Workers
from scaling_search.system import machine
from scaling_search.training.outcome import TrainingStopped
from tests.search.pretend import Listener, Pretend, planned, pretended, searched, study
from tests.search.trial import placed

pytest.importorskip("ray", reason="pip install 'scaling-search[ray]'")
pytestmark = pytest.mark.filterwarnings(
    "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    """Two for all tests here: starting them takes longer than what they do."""
    with Workers(2) as found:
        yield found


def grid(workers: Workers, ledger: Ledger, build: Callable[..., Pretend], **more: Any) -> search.GridResult:
    workers.build = build
    more.setdefault("callbacks", (Listener(),))
    return search.grid(study(), ledger=ledger, workers=workers, **more)


def figures(ledger: Ledger) -> dict[Any, Any]:
    return {
        (row.network, row.seed): (row.state, row.accuracy, row.correct, row.attempts)
        for row in ledger.trials(with_correct=True)
    }


def told(found: search.GridResult, ledger: Ledger) -> str:
    """The answer, but for the ledger's name."""
    return found.answer.replace(ledger.place, "LEDGER")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ledger, search.GridResult]]:
    """The same search in this process."""
    with Ledger.open(tmp_path_factory.mktemp("alone") / "alone.db") as ledger:
        yield ledger, searched(ledger, learns=placed.learns)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger.db") as opened:
        yield opened


def test_the_answer_is_that_of_a_single_process(
    workers: Workers, ledger: Ledger, alone: tuple[Ledger, search.GridResult]
) -> None:
    listener = Listener()
    found = grid(workers, ledger, placed.build, callbacks=(listener,))
    known, expected = alone
    assert figures(ledger) == figures(known)
    assert (found.winner, found.decided, told(found, ledger), found.trained) == (
        expected.winner,
        expected.decided,
        told(expected, known),
        expected.trained,
    )
    assert len({place.pid for place in workers.places}) == 2
    assert any("The 2 workers share it: about " in text for text in listener.noted)
    assert sorted(row.key for row in listener.ended) == sorted(row.key for row in ledger.trials())
    assert check(ledger) == []
    assert grid(workers, ledger, placed.build).trained == 0


def test_recipes_are_those_of_a_single_process(workers: Workers, ledger: Ledger, tmp_path: Path) -> None:
    settings = study(indifference=0.01, alpha="1,2", beta="1,1.4", gamma="1")
    workers.build = placed.build_by_recipe
    found = recipe(settings, ledger=ledger, callbacks=(Listener(),), workers=workers)
    with Ledger.open(tmp_path / "alone.db") as own, pretended(placed.learns_by_recipe):
        expected = recipe(settings, ledger=own, callbacks=(Listener(),))
        known = {row.key: (row.state, row.accuracy, row.correct) for row in own.trials(with_correct=True)}
    mine = {row.key: (row.state, row.accuracy, row.correct) for row in ledger.trials(with_correct=True)}
    assert mine == known
    assert (found.verdict, found.rate, found.trained) == (expected.verdict, expected.rate, expected.trained)


def test_a_killed_worker_costs_its_trial_alone(
    workers: Workers, ledger: Ledger, alone: tuple[Ledger, search.GridResult]
) -> None:
    listener = Listener()
    before = {place.pid for place in workers.places}
    found = grid(workers, ledger, placed.build_mortal, callbacks=(listener,))
    assert told(found, ledger) == told(alone[1], alone[0])
    mine, known = figures(ledger), figures(alone[0])
    assert {key: value[:3] for key, value in mine.items()} == {key: value[:3] for key, value in known.items()}
    assert sorted(value[3] for value in mine.values()) == [1] * (len(mine) - 1) + [2]
    assert sum(" died: " in text for text in listener.said) == 1
    assert before != {place.pid for place in workers.places}


def test_what_ran_out_of_memory_is_not_begun_again(
    workers: Workers, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Cluster, "out_of_memory", lambda *_: True)
    grid(workers, ledger, placed.build_mortal)
    (failed,) = [row for row in ledger.trials() if row.state == "failed"]
    assert (failed.seed, failed.failure) == (
        1,
        "out of memory: the machine ran out of it, and Ray ended the worker",
    )


def test_a_stop_gives_trials_back_and_the_same_call_goes_on(
    workers: Workers, ledger: Ledger, alone: tuple[Ledger, search.GridResult]
) -> None:
    listener = Listener()
    with pytest.raises(TrainingStopped):
        grid(
            workers,
            ledger,
            placed.build_slow,
            callbacks=(listener,),
            should_stop=lambda: len(listener.ended) >= 3,
        )
    states = {row.state for row in ledger.trials()}
    assert states == {"complete", "waiting"}
    found = grid(workers, ledger, placed.build)
    assert told(found, ledger) == told(alone[1], alone[0])
    assert figures(ledger) == figures(alone[0])


def test_what_a_worker_has_begun_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one takes what nobody has begun, and then begins what is likely, with the round not over yet."""
    asked: list[tuple[str, str, tuple[Any, ...]]] = []
    monkeypatch.setattr(Worker, "do", lambda self, what, *given: asked.append((self.handle, what, given)))
    plan = planned()
    first, second, third = [trial_of(build, 0) for build in plan.networks[:3]]
    place = Place(
        node="n", pid=1, cores=(), platform="cpu", device="d", arithmetic="a", block=1, available_memory=None
    )
    own, other = (Worker(handle=name, place=place) for name in ("own", "other"))
    own.ahead = first
    workers = Workers(2)
    workers._workers, workers._queue, workers._likely = (
        [other, own],
        deque([[first], [second]]),
        deque([third]),
    )
    for _ in range(2):
        workers._hand_out(other, [[first], [second]], plan.space.recipe, None, False)
    workers._hand_out(own, [[first], [second]], plan.space.recipe, None, False)
    assert [(who, what) for who, what, _ in asked] == [
        ("other", "run"),
        ("other", "train_ahead"),
        ("own", "run"),
    ]
    assert [given[1] for _, _, given in asked] == [[second], third, [first]]


@pytest.mark.parametrize(
    ("change", "kind", "says"),
    [
        ({"host": "elsewhere/1/2"}, UsageError, r"serves one machine, .* postgresql\+psycopg://HOST/NAME"),
        ({"mark": "another"}, InputError, "is not shared: .* --checkpoints FOLDER"),
        ({"fingerprint": "0" * 64}, InputError, "another copy of the data set 'digits' .*here 000000000000"),
        ({"data": "flowers"}, InputError, "cannot read the data set 'flowers'"),
        ({"versions": "{}"}, DeviceError, "has other versions than this process"),
    ],
)
def test_a_machine_that_cannot_take_part(
    workers: Workers,
    ledger: Ledger,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any],
    kind: type[ScalingSearchError],
    says: str,
) -> None:
    space = search_space(study())
    if "data" in change:
        change = {"data": space.study.dataset.model_copy(update={"name": change["data"]})}
    start = workers.start
    monkeypatch.setattr(
        workers, "start", lambda job, *rest: start(replace(job, patience_seconds=0.0, **change), *rest)
    )
    workers.build = placed.build
    with pytest.raises(kind, match=says):
        worker_trainer.make_trainer(
            workers,
            space,
            ledger,
            dataset=load_data(space.study),
            callback=Callback(),
            should_stop=lambda: False,
            checkpoints=tmp_path / "checkpoints",
            retry_failed=False,
        )


@pytest.mark.parametrize(
    ("nodes", "count", "expected"),
    [
        ([(2, 0)], 2, Share(workers=2, cpus=1, gpus=0)),
        ([(16, 0), (4, 0)], None, Share(workers=5, cpus=4, gpus=0)),
        ([(16, 0), (4, 0)], 5, Share(workers=5, cpus=4, gpus=0)),
        ([(0, 0), (3, 0)], None, Share(workers=1, cpus=3, gpus=0)),
        ([(16, 8), (16, 8)], None, Share(workers=16, cpus=1, gpus=1)),
        ([(16, 8)], 3, Share(workers=3, cpus=1, gpus=1)),
    ],
)
def test_shares(nodes: list[tuple[int, int]], count: int | None, expected: Share) -> None:
    assert share(nodes, count, accelerators=True) == expected


@pytest.mark.parametrize(
    ("nodes", "count", "says"),
    [
        ([(2, 0)], 3, "--workers 3: this cluster has 2 cores"),
        ([(0, 0)], None, "--workers 1: this cluster has 0 cores"),
        ([(16, 2)], 3, "--workers 3: there are 2 accelerators"),
    ],
)
def test_too_many_workers(nodes: list[tuple[int, int]], count: int | None, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        share(nodes, count, accelerators=True)


def test_one_machine_is_not_crowded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cores", lambda: 2)
    with pytest.raises(
        UsageError, match="--workers 9: this machine has 2 cores, which at most 8 workers can share"
    ):
        Cluster(9, None)


def test_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(DeviceError, match=r"pip install 'scaling-search\[ray\]'"):
        Workers(2)


def test_a_cluster_of_another_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(None, "ray://there")
    says = "Version mismatch: The cluster was started with:\n    Ray: 2.0.0\nThis process: 3.0.0"

    def init(**_: Any) -> None:
        raise RuntimeError(says)

    monkeypatch.setattr(cluster.ray, "init", init)
    monkeypatch.setattr(cluster.ray, "shutdown", lambda: None)
    with pytest.raises(
        UsageError,
        match=r"--ray ray://there: Version mismatch: The cluster was started with: Ray: 2\.0\.0 This process: 3\.0\.0",
    ):
        cluster.start()


def test_a_cluster_that_wants_another_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray 2.60 says it three errors deep (`AuthenticationError`), and of the whole that nothing is there."""
    cluster = Cluster(None, "ray://there")

    def init(**_: Any) -> None:
        try:
            raise RuntimeError("RPC error: InvalidAuthToken: Authentication token is missing or incorrect.")
        except RuntimeError as error:
            raise ConnectionError("Failed to connect to Ray cluster at 192.0.2.2:1") from error

    monkeypatch.setattr(cluster.ray, "init", init)
    with pytest.raises(UsageError, match="wants a token, and this process has none or another"):
        cluster.start()


@pytest.mark.parametrize("address", ["127.0.0.1:1", "auto"])
def test_no_cluster_there(address: str) -> None:
    """Of `auto` Ray keeps the last cluster's address, which may be gone: it went on trying without end."""
    program = f"from scaling_search.search.trial.cluster import Cluster; Cluster(None, {address!r}).start()"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, "RAY_ADDRESS": "127.0.0.1:1"} if address == "auto" else None,
    )
    assert f"UsageError: --ray {address}: no cluster there" in done.stderr


def test_placing_needs_no_accelerator_library() -> None:
    modules = ("grid.search", "family.scale", "trial.workers", "trial.worker_trainer", "trial.claims")
    program = (
        "; ".join(f"import scaling_search.search.{one}" for one in modules)
        + "; import sys; print('jax' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "False\n"
