"""The command line: names, help, exit codes. Each command lives in its own file and is loaded when it is called."""

from __future__ import annotations

import contextlib
import errno
import gc
import importlib
import io
import os
import signal
import sys
import warnings
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException
from typer.main import get_command

from scaling_search import __version__
from scaling_search.errors import ScalingSearchError, UsageError, suggest
from scaling_search.system.environment import open_streams, prepare

# A validator's words, and ours.
_WORDS = {
    "Input should be a valid integer, unable to parse string as an integer": "expected a whole number",
    "Input should be a valid number, unable to parse string as a number": "expected a number",
    "Got unexpected extra argument(s)": "more arguments than there are:",
}
# What a disk or its permissions refuse; any other fault of a path is one of what was given.
_STORAGE = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EIO,
    errno.EFBIG,
    errno.EMFILE,
    errno.ENFILE,
)

# name -> one line of help, in the order of a user's work.
COMMANDS = {
    "plan": "What grid would do, before any compute: candidates, duplicates, costs, time.",
    "recipe": "Whether the ranking depends on rate and length of training.",
    "grid": "The search: train every candidate not yet in the ledger, and choose.",
    "scale": "The best triple over phi: write one network per phi, train, record.",
    "report": "The answer from the ledger: tables, an interactive page, figures.",
    "predict": "What trained networks say of images.",
    "export": "A network with its weights for PyTorch, ONNX, flax or timm.",
    "cost": "What networks cost: parameters, MACs, activations, memory.",
    "verify": "Count every built-in network against the published figures.",
    "data": "List data sets, or prepare one.",
    "ledger": "What a ledger holds; check, repair, merge, rename, delete, export.",
    "doctor": "What this machine has.",
}


class Lazy(TyperGroup):
    """Imports a command only when it is called, so that --help is quick."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            raise UsageError(suggest("command", cmd_name, [*COMMANDS, "--version", "--help"]))
        found = importlib.import_module(f"scaling_search.cli.{cmd_name}")
        if hasattr(found, "app"):
            return get_command(found.app)
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        alone.command()(getattr(found, cmd_name))
        return get_command(alone)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


app = typer.Typer(
    cls=Lazy,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"scaling-search {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """How should this network be made bigger? Compound scaling of depth, width and resolution, searched on your data.

    A first answer on two cores: scaling-search grid --phi 1, then scale --phi 0..7, then report.
    """


def main(arguments: list[str] | None = None) -> NoReturn:
    """Entry point. What a user can cause is one message on stderr and an exit code; a bug keeps its traceback."""
    open_streams()
    sys.stdin, sys.stdout, sys.stderr = (
        stream or open(number, mode, closefd=False, encoding="utf-8")  # noqa: SIM115 - for the process's life
        for number, (stream, mode) in enumerate(((sys.stdin, "r"), (sys.stdout, "w"), (sys.stderr, "w")))
    )
    # Ctrl-C raises by itself; a search listens for all of them in its own way once it runs.
    for signum in (signal.SIGTERM, *((signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ())):
        if signal.getsignal(signum) != signal.SIG_IGN:
            signal.signal(signum, lambda number, _: sys.exit(128 + number))
    warnings.showwarning = lambda message, *_, **__: _say(f"warning: {message}")
    # Reading ten thousand rows leaves no garbage; looking for it took a tenth of their report.
    gc.set_threshold(100_000, 20, 20)
    given = sys.argv[1:] if arguments is None else arguments
    if not {"--help", "-h", "--version"}.intersection(given):
        for sentence in prepare():
            _say(sentence)
    leave(run(given))


def leave(code: int) -> NoReturn:
    """Ends the process with this exit code, now. All that a command keeps is kept when it returns.

    Taking the interpreter apart takes a tenth of a report; and XLA's compiler, which cannot be told to stop, aborts the
    process with exit code 134 when that is done beneath it.
    """
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    os._exit(code)


def run(arguments: list[str]) -> int:
    """Runs one command and flushes what it printed; returns its exit code."""
    try:
        code = _exit_code(arguments)
        sys.stdout.flush()
        return code
    except ScalingSearchError as error:
        return _told(str(error), error.exit_code)
    except BrokenPipeError:
        # The reader has gone (`| head`): nothing is wrong, and nothing more can be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        path = error.filename if isinstance(error.filename, str | bytes) else "output"
        reason = error.strerror or type(error).__name__
        return _told(f"{os.fsdecode(path)}: {reason}", 7 if error.errno in _STORAGE else 3)
    except (RuntimeError, AssertionError) as error:
        if not _no_device(error):
            raise
        allowed = os.environ.get("JAX_PLATFORMS")
        return _told(str(error) or f"no device: nothing here is of JAX_PLATFORMS={allowed}", 6)
    return 0


def _exit_code(arguments: list[str]) -> int:
    """Typer ends many commands by exiting; what it says of wrong use quotes what was given, and is made harmless."""
    try:
        code = app(args=arguments, prog_name="scaling-search", standalone_mode=False)
    except SystemExit as done:
        code = 0 if done.code is None else done.code
        return code if isinstance(code, int) else 1
    except TyperException as error:
        for line in _in_our_words(error).splitlines():
            _say(line)
        return 2
    return code if isinstance(code, int) else 0


def _in_our_words(error: Any) -> str:
    """Typer's message of wrong use, whose public class tells nothing; unknown names are told as everywhere else."""
    if hasattr(error, "possibilities") and error.ctx is not None:
        legal = [name for param in error.ctx.command.params for name in param.opts if name.startswith("--")]
        error.message, error.possibilities = suggest("option", error.option_name, [*legal, "--help"]), None
    if hasattr(error, "param_type") and error.param is not None and not error.message:
        error.message = error.param.help or ""  # what is missing, in the words of the help
    error.show(said := io.StringIO())
    text = said.getvalue()
    for words, ours in _WORDS.items():
        text = text.replace(words, ours)
    return text


def _no_device(error: BaseException) -> bool:
    """Whether jax found no device. It has no class for that, and asserts where a platform is not even installed."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return at is not None and at.tb_frame.f_code.co_filename.endswith("xla_bridge.py")


def _told(message: str, code: int) -> int:
    for number, line in enumerate(message.splitlines() or [""]):
        _say(line if number else f"Error: {line}")
    return code


def _say(line: str) -> None:
    from scaling_search.report.escape import for_terminal
    from scaling_search.system.text import without_passwords

    with contextlib.suppress(OSError):  # nobody may be there to read it
        print(for_terminal(without_passwords(line), sys.stderr.encoding or "utf-8"), file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    main()
