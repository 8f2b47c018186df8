"""Help, and what starting the program loads."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.startup import finished
from scaling_search.cli.main import COMMANDS, run

HELP = """\
Usage: scaling-search [OPTIONS] COMMAND [ARGS]...

  How should this network be made bigger? Compound scaling of depth, width and
  resolution, searched on your data.

  A first answer on two cores: scaling-search grid --phi 1, then scale --phi
  0..7, then report.

Options:
  --version             Show the version.
  --install-completion  Install completion for the current shell.
  --show-completion     Show completion for the current shell, to copy it or
                        customize the installation.
  -h, --help            Show this message and exit.

Commands:
  plan     What grid would do, before any compute: candidates, duplicates,
           costs, time.
  recipe   Whether the ranking depends on rate and length of training.
  grid     The search: train every candidate not yet in the ledger, and
           choose.
  scale    The best triple over phi: write one network per phi, train, record.
  report   The answer from the ledger: tables, an interactive page, figures.
  predict  What trained networks say of images.
  export   A network with its weights for PyTorch, ONNX, flax or timm.
  cost     What networks cost: parameters, MACs, activations, memory.
  verify   Count every built-in network against the published figures.
  data     List data sets, or prepare one.
  ledger   What a ledger holds; check, repair, merge, rename, delete, export.
  doctor   What this machine has.
"""

ACCELERATOR = {"jax", "jaxlib", "flax", "optax", "orbax", "tensorflow_datasets"}


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERMINAL_WIDTH", "80")


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([flag]) == 0
    captured = capsys.readouterr()
    assert captured.out == HELP
    assert captured.err == ""


@pytest.mark.parametrize("command", [*COMMANDS, "data list", "data prepare"])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command.split(), "--help"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith(f"Usage: scaling-search {command} ")
    assert captured.err == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_readme(command: str) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert f"scaling-search {command}" in readme


def test_a_shell_completes_commands_and_options() -> None:
    for words, expected in (("scaling-search gr", ["grid"]), ("scaling-search grid --see", ["--seeds"])):
        asked = {
            **os.environ,
            "_SCALING_SEARCH_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split()) - 1),
        }
        program = "from scaling_search.cli.main import main; main()"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=asked)
        assert done.stdout.split() == expected, done.stderr


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("scaling-search ")


HEAVY = ACCELERATOR | {"alembic"}


def test_help_loads_nothing_heavy() -> None:
    code, loaded = loaded_by("--help")
    assert code == 0
    assert not loaded & (HEAVY | {"numpy"})


def test_a_plan_without_a_ledger_loads_no_database(tmp_path: Path) -> None:
    code, loaded = loaded_by("plan", "--ledger", str(tmp_path / "none.db"))
    assert code == 0
    assert "numpy" in loaded
    assert not loaded & (HEAVY | {"sqlalchemy"})


def test_a_report_of_a_file_loads_nothing_heavy(tmp_path: Path) -> None:
    code, loaded = loaded_by("report", "--ledger", str(finished(tmp_path / "ledger.db", networks=4, seeds=2)))
    assert code == 0
    assert "numpy" in loaded
    assert not loaded & (HEAVY | {"PIL"})


def loaded_by(*arguments: str) -> tuple[int, set[str]]:
    """Exit code of a command in a fresh process, and the packages that it loaded."""
    program = """
import sys
from scaling_search.cli.main import run
code = run(sys.argv[1:])
print(code, *{name.partition(".")[0] for name in sys.modules})
"""
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True)
    code, *loaded = done.stdout.splitlines()[-1].split()
    return int(code), set(loaded)


def test_a_command_ends_without_taking_the_interpreter_apart() -> None:
    """What it printed is there all the same, and the exit code is its own."""
    program = """
import atexit, sys
from scaling_search.cli.main import main
atexit.register(print, "taken apart")
main(sys.argv[1:])
"""
    for words, code, said in ((["--version"], 0, "scaling-search "), (["nonsense"], 2, "")):
        done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True)
        assert (done.returncode, "taken apart" in done.stdout) == (code, False), done.stderr
        assert done.stdout.startswith(said)
