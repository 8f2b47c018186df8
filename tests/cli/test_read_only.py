"""A folder that may not be written: `report` and `ledger check` work, `grid` says where and changes nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from scaling_search.ledger.ledger import Ledger
from scaling_search.search.grid.candidates import record_plan
from scaling_search.search.plan.grid_plan import grid_plan
from scaling_search.search.plan.search_space import search_space
from scaling_search.search.plan.study import parse
from scaling_search.search.trial.ledger_rows import study_row

STUDY = 'name = "s"\nbaseline = "lenet-5"\n[dataset]\nname = "digits"\n[grid]\nmacs_tolerance = 0.9\n'
AS_NOBODY = """
import os, sys
from scaling_search.cli.main import run
warm, ledger = sys.argv[1:]
# Imports all there is to import, while that is allowed.
run(["report", "--ledger", warm])
run(["ledger", "check", "--ledger", warm])
run(["grid", "--ledger", sys.executable])
if os.getuid() == 0:  # whom no permission stops
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
print("as nobody", flush=True)
print("as nobody", file=sys.stderr, flush=True)
for command in ("report", "ledger check", "grid"):
    print(command, run([*command.split(), "--ledger", ledger]), sep=": ", flush=True)
"""


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    warm = tmp_path / "warm.db"
    with Ledger.open(warm) as opened:
        space = search_space(parse(STUDY))
        opened.record([study_row(space, name="s", dataset="d" * 64)])
        record_plan(opened, "s", grid_plan(space))
    # Not in pytest's folder, which only its owner may enter.
    folder = Path(subprocess.check_output(["mktemp", "-d"], text=True).strip())
    try:
        ledger = Path(shutil.copy(warm, folder / "ledger.db"))
        ledger.chmod(0o444)
        folder.chmod(0o555)
        before = ledger.read_bytes()
        command = [sys.executable, "-c", AS_NOBODY, str(warm), str(ledger)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        said, errors = (text.partition("as nobody\n")[2] for text in (done.stdout, done.stderr))
        commands = ("report", "ledger check", "grid")
        codes = [line for line in said.splitlines() if line.startswith(tuple(f"{one}: " for one in commands))]
        assert codes == ["report: 0", "ledger check: 0", "grid: 7"], done.stdout + done.stderr
        assert "every row is intact" in said
        assert f"Error: {ledger}: no permission to write the ledger or its folder" in errors
        assert [path.name for path in folder.iterdir()] == ["ledger.db"] and ledger.read_bytes() == before
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)
