"""Whatever stands in a file or an option: an exit code of the table, no traceback, no hang, no great memory.

python -m tests.reports.fuzz [--n N] [--json FILE] [--only TARGET …]

Tries N examples of each target and prints a table; exits with 1 where one fails, with the example that does.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from scaling_search.architecture import toml
from scaling_search.baselines.load import load
from scaling_search.cli.main import run
from scaling_search.ledger.ledger import Ledger
from tests.search.pretend import searched

MOST_SECONDS = 10.0  # of processor time
MOST_BYTES = 2_000_000_000
AT_ONCE = 2500  # examples in one process
SMALL = toml.write(load("lenet-5"))
STUDY = (
    'name = "s"\nbaseline = "lenet-5"\n[dataset]\nname = "digits"\n[recipe]\nname = "fast"\nepochs = 1\n'
    '[grid]\nalpha = "1:2:0.5"\nbeta = "1:1.4:0.2"\ngamma = "1:1.5:0.25"\ntolerance = 2.0\nmacs_tolerance = 0.9\n'
)
WORDS = [
    "plan",
    "cost",
    "report",
    "data",
    "ledger",
    "scale",
    "verify",
    "list",
    "show",
    "check",
    "status",
    "lenet-5",
]
OPTIONS = [
    *("--study", "--baseline", "--dataset", "--alpha", "--beta", "--gamma", "--phi", "--seeds", "--epochs"),
    *(
        "--tolerance",
        "--divisor",
        "--max-macs",
        "--ledger",
        "--format",
        "--json",
        "--emit-only",
        "--coefficients",
    ),
    *("--layers", "--match", "--budget", "--name", "--screening-epochs", "--batch-size", "--depth-rounding"),
]
VALUES = [
    *(
        "",
        "1",
        "-1",
        "0",
        "1.2",
        "nan",
        "1e309",
        "9" * 400,
        "1:2:0.5",
        "2:1:0",
        "1:9:1e-9",
        "0..7",
        "-20..20",
    ),
    *(
        "x",
        "\x1b[31m",
        "../..",
        "/dev/null",
        "/",
        "=1+1",
        "\u202e",
        "1,1.2",
        "postgresql://u:s3cr3t@:x/y",
        "~",
    ),
    *("none", "digits", "lenet-5", "no.toml", "x" * 5000, "\udcff"),
]


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is given (`example`), and the commands that get it: run in an empty folder with the file `name` in it."""

    example: st.SearchStrategy[Any]
    commands: Callable[[Any], list[list[str]]]
    write: Callable[[Any], None] = lambda _: None
    legal: tuple[int, ...] = (0, 2, 3)


class TooLongError(BaseException):
    """More processor time than anybody waits for."""


def ask(arguments: list[str], legal: tuple[int, ...]) -> float:
    """Runs a command and returns its seconds. AssertionError: another exit code, memory, or a terminal's codes."""

    def give_up(*_: object) -> None:
        raise TooLongError(arguments)

    out, errors = io.StringIO(), io.StringIO()
    allowed = max(MOST_BYTES, peak())  # what ran in this process before is not this command's
    before = signal.signal(signal.SIGPROF, give_up)
    signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
    start = time.process_time()
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
            code = run(arguments)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    said = out.getvalue() + errors.getvalue()
    if code not in legal or (code and "Error: " not in said and "Usage: " not in said):
        raise AssertionError(f"{arguments}: exit code {code}: {said[:2000]}")
    if "s3cr3t" in said or not all(_harmless(one) for one in said):
        raise AssertionError(f"{arguments}: {said[:2000]!r}")
    if (taken := peak()) > allowed:
        raise AssertionError(f"{arguments}: {taken:,} bytes")
    return time.process_time() - start


def _harmless(character: str) -> bool:
    """Whether a terminal only prints it; half a character that is no UTF-8 is escaped by the stream."""
    return character.isprintable() or character == "\n" or "\ud800" <= character <= "\udfff"


def peak() -> int:
    """The most memory that this process ever had, bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@st.composite
def mutated(draw: st.DrawFn, originals: Callable[[], list[bytes]]) -> bytes:
    """One of the files, damaged in one to four places."""
    content = bytearray(draw(st.sampled_from(originals())))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(0, len(content) - 1)))
        how = draw(st.sampled_from(["flip", "put", "insert", "cut", "zero", "repeat"]))
        few = draw(st.binary(min_size=1, max_size=8))
        if how == "flip" and content:
            content[place] ^= 1 << draw(st.integers(0, 7))
        elif how == "put":
            content[place : place + len(few)] = few
        elif how == "insert":
            content[place:place] = few
        elif how == "cut":
            del content[place : place + draw(st.sampled_from([1, 16, 10**9]))]
        elif how == "zero":
            content[place : place + 64] = bytes(len(content[place : place + 64]))
        else:
            content[place:place] = content[max(0, place - 64) : place]
    return bytes(content)


@functools.cache
def images() -> list[bytes]:
    """One small image in every format."""
    colours = np.random.default_rng(1).integers(0, 256, (12, 10, 3), dtype=np.uint8)
    found = []
    for form in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"):
        buffer = io.BytesIO()
        Image.fromarray(colours).save(buffer, form)
        found.append(buffer.getvalue())
    for array in (colours, colours[:, :, 0].astype(">u2")):
        buffer = io.BytesIO()
        np.save(buffer, array)
        found.append(buffer.getvalue())
    return [*found, b"P5\n10 12\n4095\n" + colours[:, :, 0].astype(">u2").tobytes()]


@functools.cache
def ledgers() -> list[bytes]:
    """A ledger with a search that was pretended to be trained."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "l.db"
        with Ledger.open(path) as ledger:
            searched(ledger)
        return [path.read_bytes()]


def _put(name: str) -> Callable[[bytes], None]:
    return lambda content: Path(name).write_bytes(content)


def _image(content: bytes) -> None:
    for label in ("cat", "dog"):
        Path("set", label).mkdir(parents=True, exist_ok=True)
        for index in range(3):
            Path("set", label, f"{index}.png").write_bytes(
                images()[0][:-12] + bytes([index]) + images()[0][-12:]
            )
    Path("set/cat/odd.png").write_bytes(content)


def _table(content: bytes) -> None:
    _image(images()[0])
    Path("set/labels.csv").write_bytes(content)


def _labels() -> list[bytes]:
    rows = [f"{label}/{index}.png,{label}" for label in ("cat", "dog") for index in range(3)]
    return [
        "\n".join(["file,label", *rows]).encode(),
        "\r\n".join(["\ufeffFile;Label", *rows]).encode("utf-8"),
    ]


PREPARE = ["data", "prepare", "set", "--from", "set"]
TARGETS: dict[str, Target] = {
    "study": Target(
        example=mutated(lambda: [STUDY.encode()]),
        write=_put("s.toml"),
        commands=lambda _: [["plan", "--study", "s.toml"]],
    ),
    "network": Target(
        example=mutated(lambda: [SMALL.encode(), toml.write(load("efficientnet-b0")).encode()]),
        write=_put("n.toml"),
        commands=lambda _: [["cost", "n.toml", "--layers"]],
    ),
    "options": Target(
        example=st.lists(
            st.one_of(st.sampled_from([*WORDS, *OPTIONS]), st.sampled_from(VALUES), st.text(max_size=6)),
            max_size=8,
        ).filter(lambda words: "verify" not in words[1:]),
        commands=lambda words: [words],
        legal=(0, 2, 3, 5, 7),
    ),
    "images": Target(
        example=mutated(images), write=_image, commands=lambda _: [PREPARE, [*PREPARE, "--skip-damaged"]]
    ),
    "labels.csv": Target(example=mutated(_labels), write=_table, commands=lambda _: [PREPARE]),
    "ledger": Target(
        example=mutated(ledgers),
        write=_put("l.db"),
        commands=lambda _: [
            ["report", "--ledger", "l.db", "--format", "json"],
            ["ledger", "check", "--ledger", "l.db"],
            ["ledger", "list", "--ledger", "l.db"],
            ["ledger", "repair", "new.db", "--ledger", "l.db"],
        ],
        legal=(0, 3, 5, 7),
    ),
}


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """An empty folder that is the current one, and nothing of this machine's data or ledgers."""
    before, kept = Path.cwd(), dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ.update(SCALING_SEARCH_DATA=f"{folder}/data", TFDS_DATA_DIR=f"{folder}/tfds", COLUMNS="100")
        os.environ.pop("SCALING_SEARCH_LEDGER", None)
        try:
            yield
        finally:
            os.chdir(before)
            os.environ.clear()
            os.environ.update(kept)


def attack(target: Target, example: Any) -> float:
    """One example: the most seconds that a command took with it. AssertionError, or what escapes a command."""
    with alone():
        target.write(example)
        return max(ask(arguments, target.legal) for arguments in target.commands(example))


def many(target: Target, n: int, seconds: list[float]) -> None:
    """So many examples of a target; `seconds` gets what each took. Raises what the smallest faulty one raises."""

    @settings(max_examples=n, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(target.example)
    def one(example: Any) -> None:
        seconds.append(attack(target, example))

    one()


def tried(name: str, n: int) -> dict[str, Any]:
    """What came of so many examples of a target, in this process."""
    seconds: list[float] = []
    fault = ""
    try:
        many(TARGETS[name], n, seconds)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        fault = f"{type(error).__name__}: {error} {' '.join(getattr(error, '__notes__', []))}"
    slowest = max(seconds, default=0)
    return {"target": name, "tried": len(seconds), "slowest": slowest, "peak": peak(), "fault": fault}


def tried_apart(name: str, n: int) -> dict[str, Any]:
    """The same in processes of their own: Hypothesis keeps what it tried, which is not the program's memory."""
    found: list[dict[str, Any]] = []
    for begun in range(0, n, AT_ONCE):
        found.append(_one_process(name, min(AT_ONCE, n - begun)))
        if found[-1]["fault"]:
            break
    return {
        "target": name,
        "tried": sum(row["tried"] for row in found),
        "slowest": max(row["slowest"] for row in found),
        "peak": max(row["peak"] for row in found),
        "fault": found[-1]["fault"],
    }


def _one_process(name: str, n: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "row.json"
        command = [sys.executable, "-m", "tests.reports.fuzz", "--here"]
        done = subprocess.run(
            [*command, "--n", str(n), "--only", name, "--json", str(file)],
            capture_output=True,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        if file.exists():
            (row,) = json.loads(file.read_text())
            return dict(row)
        return {"target": name, "tried": 0, "slowest": 0, "peak": 0, "fault": done.stderr[-2000:] or "killed"}


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 where every target stands all examples."""
    parser = argparse.ArgumentParser(prog="fuzz", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--here", action="store_true", help="in this process alone")
    parser.add_argument("--only", nargs="+", choices=TARGETS, default=list(TARGETS))
    options = parser.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    print(f"{'target':12} {'tried':>7} {'slowest s':>9} {'peak MB':>8}  fault")
    for name in options.only:
        row = (tried if options.here else tried_apart)(name, options.n)
        rows.append(row)
        print(
            f"{name:12} {row['tried']:7,} {row['slowest']:9.2f} {row['peak'] / 1e6:8,.0f}  {row['fault'] or '-'}",
            flush=True,
        )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    return int(any(row["fault"] for row in rows))


if __name__ == "__main__":
    raise SystemExit(main())
