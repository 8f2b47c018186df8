"""Runs a folder of reports as scripts: `FOLDER/NAME/run.sh PATH`, exit 0: the behaviour is right, 77: not here.

python -m tests.reports.run_cases FOLDER [--program PATH] [--only NAME …] [--seconds N]

Prints a line per case and the last lines of those that fail; exit 1 where one does. A case that is also in `cases/`
beside this file is run from there: a copy that demands the same and reads differently.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

SKIPPED = 77
ADAPTED = Path(__file__).parent / "cases"
_LINES = 10


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 where no case fails."""
    parser = argparse.ArgumentParser(prog="run_cases", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--program", default=str(Path(sys.executable).with_name("scaling-search")))
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--seconds", type=float, default=600.0)
    options = parser.parse_args(arguments)
    scripts = sorted(options.folder.glob("*/run.sh"))
    unknown = sorted(set(options.only) - {script.parent.name for script in scripts})
    if not scripts or unknown:
        print(f"{options.folder} holds no NAME/run.sh{f' for {unknown}' if unknown else ''}", file=sys.stderr)
        return 2
    counts = {"passed": 0, "skipped": 0, "FAILED": 0}
    for script in scripts:
        if options.only and script.parent.name not in options.only:
            continue
        start = time.monotonic()
        ours = ADAPTED / script.parent.name / "run.sh"
        code, text = run(ours if ours.exists() else script, options.program, options.seconds)
        verdict = {0: "passed", SKIPPED: "skipped"}.get(code, "FAILED")
        counts[verdict] += 1
        print(f"{script.parent.name:40} {verdict:8} {time.monotonic() - start:6.1f} s", flush=True)
        if verdict == "FAILED":
            print(
                "\n".join(f"    {line}" for line in [*text.splitlines()[-_LINES:], f"exit {code}"]),
                flush=True,
            )
    print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    return 1 if counts["FAILED"] else 0


def run(script: Path, program: str, seconds: float) -> tuple[int, str]:
    """Exit code and output of one script; 124 with a note where it takes longer than so many seconds."""
    bash = shutil.which("bash") or "bash"
    # A session of its own, so that what the script started ends with it.
    with subprocess.Popen(
        [bash, str(script), program],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=seconds)
            return process.returncode, output
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return 124, f"not done after {seconds:.0f} s"


if __name__ == "__main__":
    raise SystemExit(main())
