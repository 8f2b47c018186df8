"""One program in a process of its own: `worker.py PROGRAM CASE`, driven over standard input.

It prints a JSON line {"parameters", "compile_seconds", "device"} when ready. To a line with a number N it answers with
the wall-clock seconds that a training step took, over N of them, and
to "peak" with the multiply-adds a second of a large matrix product.
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
    run, about = importlib.import_module(f"program_{program}").make(CASES[name])
    run(1)
    about["compile_seconds"] = time.perf_counter() - began
    print(json.dumps(about), flush=True)
    for line in sys.stdin:
        if line.strip() == "peak":
            print(json.dumps(importlib.import_module("jax_step").product_peak()), flush=True)
            continue
        began = time.perf_counter()
        run(int(line))
        print(json.dumps((time.perf_counter() - began) / int(line)), flush=True)


if __name__ == "__main__":
    main()
