"""The environment is what it is: homes, foreign bytes, blanks, permissions, encodings, closed streams, variables."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling_search.cli import main
from scaling_search.cli.main import run
from scaling_search.errors import InputError
from scaling_search.export.metadata import read_class_names
from scaling_search.system.environment import prepare
from scaling_search.system.text import parse_toml, read_text
from tests.reports.conftest import fill
from tests.reports.test_first_use import NETWORK

STUDY = (
    'name = "s"\nbaseline = "tiny.toml"\n[dataset]\nname = "digits"\n'
    "[grid]\ntolerance = 2.0\nmacs_tolerance = 0.9\n"
)
EMIT = ["scale", "--emit-only", "--coefficients", "1.2,1.1,1.15", "--phi", "0,1"]


def files(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tiny.toml").write_text(NETWORK)
    (folder / "s.toml").write_text(STUDY)


PLACES = {
    "home": "~",
    "bytes that are no UTF-8": os.fsdecode(b"caf\xe9"),
    "blanks and quotes": 'it\'s a "folder" & more',
    "other letters": "катки/犬",
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_every_path_of_every_command(place: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    real = tmp_path / "home" if place == "~" else tmp_path / place
    files(real)
    fill()
    Path("set").rename(real / "set")
    monkeypatch.setenv("SCALING_SEARCH_DATA", f"{place}/data" if place == "~" else str(real / "data"))
    for arguments in (
        ["cost", f"{place}/tiny.toml"],
        ["plan", "--study", f"{place}/s.toml"],
        ["plan", f"--baseline={place}/tiny.toml", "--tolerance", "2", "--macs-tolerance", "0.9"],
        [*EMIT, "--baseline", f"{place}/tiny.toml", f"--out={place}/out"],
        ["data", "prepare", "set", f"--from={place}/set"],
    ):
        assert run(arguments) == 0, arguments
    assert (real / "out" / "tiny-phi1.toml").is_file()
    assert (real / "data" / "folders" / "set" / "set.json").is_file()
    assert run(["report", f"--ledger={place}/none.db"]) == 3
    assert not Path("~").exists()


NAMELESS = """
import pwd, sys
def unknown(*_):
    raise KeyError("uid not found")
pwd.getpwuid = unknown
from scaling_search.cli.main import run
from scaling_search.system.environment import prepare
prepare()
codes = [run(line.split()) for line in ("plan --study s.toml", "data list", "data prepare set --from set")]
sys.exit(max(codes))
"""
HOMES: dict[str, dict[str, str]] = {
    "none": {},
    "empty": {"HOME": ""},
    "that is not there": {"HOME": "/nonexistent"},
    "that is a file": {"HOME": "{}/file"},
    "that is relative": {"HOME": "here"},
    "that nobody may write": {"HOME": "/proc"},
    "none, and no place for temporary files": {"TMPDIR": "/nonexistent"},
    "none, but a cache": {"XDG_CACHE_HOME": "{}/cache"},
    "none, and a cache that is a file": {"XDG_CACHE_HOME": "{}/file"},
    "none, and a relative cache": {"XDG_CACHE_HOME": "here"},
}


@pytest.mark.parametrize("home", HOMES.values(), ids=HOMES)
def test_a_user_without_a_name_and_a_home(home: dict[str, str], tmp_path: Path) -> None:
    files(tmp_path)
    fill()
    (tmp_path / "file").touch()
    before = {path.name for path in tmp_path.iterdir()}
    environment = {"PATH": os.environ["PATH"], "SCALING_SEARCH_DATA": str(tmp_path / "data")}
    environment |= {name: value.format(tmp_path) for name, value in home.items()}
    done = subprocess.run([sys.executable, "-c", NAMELESS], env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert {path.name for path in tmp_path.iterdir()} - before <= {"data", "cache"}, "nothing is left about"


def test_a_warning_is_a_line_without_its_source(tmp_path: Path) -> None:
    (tmp_path / "run.py").write_text(
        "import warnings\n"
        "from scaling_search.cli import main\n"
        "def warned(arguments):\n"
        "    warnings.warn('programs are not kept', UserWarning, stacklevel=1)\n"
        "    return 3\n"
        "main.run = warned\n"
        "main.main(['plan'])\n"
    )
    done = subprocess.run([sys.executable, "run.py"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (3, "warning: programs are not kept\n")


def test_text_of_any_editor() -> None:
    for start in ("", "\ufeff"):
        for end in ("\n", "\r\n"):
            Path("names.txt").write_bytes((start + end.join(["cat", "dög"]) + end).encode())
            assert read_class_names(Path("names.txt")) == ("cat", "dög")
    Path("names.txt").write_bytes("größe".encode("cp1252"))
    with pytest.raises(InputError, match="not UTF-8"):
        read_text("names.txt", "class names")


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_what_one_user_prepares_others_read_as_the_umask_says(mask: int, mode: int) -> None:
    fill()
    before = os.umask(mask)
    try:
        assert run(["data", "prepare", "set", "--from", "set"]) == 0
    finally:
        os.umask(before)
    made = list(Path("data/folders/set").iterdir())
    assert len(made) >= 5 and {stat.S_IMODE(path.stat().st_mode) for path in made} == {mode}


@pytest.mark.parametrize(
    ("number", "code"),
    [
        *[
            (one, 7)
            for one in (errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT, errno.EIO, errno.EMFILE)
        ],
        *[(one, 3) for one in (errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.EINVAL)],
    ],
)
def test_any_error_of_the_system_has_path_and_reason(
    number: int, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number), "the/path")

    monkeypatch.setattr(main, "app", fails)
    assert run(["plan"]) == code
    assert capsys.readouterr().err == f"Error: the/path: {os.strerror(number)}\n"


def test_streams_that_are_closed_or_know_few_letters() -> None:
    program = f"{sys.executable} -m scaling_search.cli.main"
    fill()
    script = f"""
    {program} cost lenet-5 <&- >&- 2>&- || exit 1
    {program} cost no.toml 2>&-; test $? = 3 || exit 2
    {program} cost lenet-5 > /dev/full 2> full.txt; test $? = 7 || exit 3
    PYTHONIOENCODING=ascii {program} data prepare set --from set > out.txt 2> err.txt || exit 4
    """
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert Path("full.txt").read_text() == "Error: output: No space left on device\n"
    assert Path("err.txt").read_bytes().startswith(b"preparing set ...")
    assert Path("out.txt").read_bytes().isascii()


CHOOSE = ["JAX_PLATFORMS", "JAX_COMPILATION_CACHE_DIR", "JAX_LOG_COMPILES", "JAX_CUDA_VISIBLE_DEVICES"]
CHANGE = [
    *("JAX_ENABLE_X64", "JAX_DEFAULT_MATMUL_PRECISION", "JAX_NUMPY_DTYPE_PROMOTION", "JAX_DISABLE_JIT"),
    *("JAX_DEFAULT_PRNG_IMPL", "JAX_DEBUG_NANS", "JAX_A_NEW_ONE"),
]


@given(chosen=st.sets(st.sampled_from([*CHOOSE, *CHANGE, "PATH", "HOME"])))
def test_variables_that_change_the_arithmetic_are_overruled_and_said(chosen: set[str]) -> None:
    shell = dict.fromkeys(chosen, "1") | {"HOME": "/root"}
    said = prepare(shell)
    assert set(shell) == {"HOME"} | (chosen - set(CHANGE))
    assert [line.split("=")[0] for line in said] == sorted(chosen & set(CHANGE))


FLAGS_PASS = [
    "--xla_force_host_platform_device_count=2",
    "--xla_dump_to=x",
    "--xla_gpu_cuda_data_dir=/usr",
    "--xla_cpu_parallel_codegen_split_count=1",
]
FLAGS_CHANGE = [
    "--xla_cpu_enable_fast_math=true",
    "--xla_gpu_autotune_level=0",
    "--xla_backend_optimization_level=0",
    "--xla_allow_excess_precision=false",
    "--xla_cpu_max_isa=AVX2",
    "--xla_a_new_one",
]


@given(
    flags=st.lists(st.sampled_from([*FLAGS_PASS, *FLAGS_CHANGE]), unique=True),
    blanks=st.sampled_from([" ", "  ", "\t"]),
)
def test_flags_that_change_the_arithmetic_are_overruled_one_by_one(flags: list[str], blanks: str) -> None:
    shell = {"HOME": "/root", "XLA_FLAGS": blanks.join(flags)}
    said = prepare(shell)
    assert shell["XLA_FLAGS"].split() == [flag for flag in flags if flag in FLAGS_PASS]
    assert [line.split()[1] for line in said] == [flag for flag in flags if flag in FLAGS_CHANGE]


TOO_MUCH = {
    "epochs beyond 64 bits": ("--epochs 99999999999999999999999", 2),
    "epochs of 64 bits": (f"--epochs {2**62}", 2),
    "epochs of 32 bits, steps of 33": (f"--epochs {2**31 - 1}", 3),
    "a batch beyond 64 bits": ("--batch-size 99999999999999999999999", 2),
    "a batch larger than the data": ("--batch-size 100000", 3),
    "seeds": ("--seeds 99999999999999999999", 2),
    "a divisor": (f"--divisor {2**64}", 2),
    "infinite MACs": ("--max-macs 1e400", 2),
    "a resolution": (f"--proxy-resolution {2**64}", 2),
    "a coefficient": ("--alpha 1e400", 2),
}


@pytest.mark.parametrize("command", ["plan", "grid"])
@pytest.mark.parametrize(("options", "code"), TOO_MUCH.values(), ids=TOO_MUCH)
def test_numbers_beyond_reason_are_refused_before_the_first_trial(
    command: str, options: str, code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from scaling_search.search.forecast import probe

    # What it takes is not measured here.
    monkeypatch.setattr(probe, "known_or_measured", lambda *_: None)
    assert run([command, "--ledger", "l.db", *options.split()]) == code
    said = capsys.readouterr().err
    assert said.count("Error: ") == 1 and "seed 0" not in said and len(said) < 600


@settings(max_examples=20)
@given(number=st.integers())
def test_whole_numbers_have_64_bits(number: int) -> None:
    if -(2**63) <= number < 2**63:
        assert parse_toml(f"a = [{{ b = {number} }}]", "file") == {"a": [{"b": number}]}
    else:
        with pytest.raises(InputError, match=r"file: a\.?b: whole numbers have at most 64 bits"):
            parse_toml(f"a = [{{ b = {number} }}]", "file")
