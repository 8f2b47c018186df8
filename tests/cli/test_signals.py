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
from scaling_search.cli.main import main
from scaling_search.search.audit import published_figures as verify
def interrupted():
    os.kill(os.getpid(), int(sys.argv[1]))
    time.sleep(60)
verify.verify = interrupted
main(["verify"])
"""


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_ends_a_command(signum: signal.Signals) -> None:
    command = [sys.executable, "-c", CHILD, str(int(signum))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (128 + signum, "")
    assert "Traceback" not in done.stderr
