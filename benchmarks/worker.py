"""One program in a process of its own: `worker.py PROGRAM CASE`, driven over standard input.

It prints a JSON line {"parameters", "compile_seconds", "device"} when ready. To a line with a number N it answers with
a JSON list of N wall-clock seconds, one for each training step.
"""

from __future__ import annotations

import importlib
import json
import sys
import time

from cases import CASES


def main() -> None:
    program, name = sys.argv[1:]
    began = time.perf_counter()
    step, about = importlib.import_module(f"program_{program}").make(CASES[name])
    step()
    about["compile_seconds"] = time.perf_counter() - began
    print(json.dumps(about), flush=True)
    for line in sys.stdin:
        seconds = []
        for _ in range(int(line)):
            began = time.perf_counter()
            step()
            seconds.append(time.perf_counter() - began)
        print(json.dumps(seconds), flush=True)


if __name__ == "__main__":
    main()
