"""A command that keeps nothing ends at once: the shell's exit code, nothing on stdout, no traceback."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

CHILD = """
import os, signal, sys, time
# A shell's background trial starts with SIGINT ignored; who types Ctrl-C is in the foreground.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # as if no nohup were above
from scaling_search.cli.main import main
from scaling_search.search.audit import published_figures as verify
def interrupted():
    os.kill(os.getpid(), int(sys.argv[1]))
    time.sleep(60)
verify.verify = interrupted
main(["verify"])
"""


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.mark.parametrize("signum", SIGNALS, ids=[one.name for one in SIGNALS])
def test_a_signal_ends_a_command(signum: signal.Signals) -> None:
    command = [sys.executable, "-c", CHILD, str(int(signum))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (128 + signum, "")
    assert "Traceback" not in done.stderr


def test_nohup_lets_a_command_go_on_when_the_terminal_goes() -> None:
    child = CHILD.replace("    time.sleep(60)\n", "    time.sleep(0.2)\n    sys.exit(9)\n")
    child = child.replace("signal.signal(signal.SIGHUP, signal.SIG_DFL)", "")
    command = ["nohup", sys.executable, "-c", child, str(int(signal.SIGHUP))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == 9, done.stderr
