"""A folder that may not be written: `report` and `doctor` work, `grid` says where and changes nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from scaling_search.ledger.ledger import Ledger
from scaling_search.search.plan.grid_plan import plan
from scaling_search.search.plan.study import parse
from scaling_search.search.trial.ledger_rows import record_plan

STUDY = 'name = "s"\nbaseline = "lenet-5"\n[dataset]\nname = "digits"\n[grid]\nmacs_tolerance = 0.9\n'
AS_NOBODY = """
import os, sys
from scaling_search.cli.main import run
warm, ledger = sys.argv[1:]
# Imports all there is to import, while that is allowed.
run(["report", "--ledger", warm])
run(["doctor", warm])
run(["grid", "--ledger", sys.executable])
if os.getuid() == 0:  # whom no permission stops
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
print("as nobody", flush=True)
print("as nobody", file=sys.stderr, flush=True)
for command in ("report", "doctor", "grid"):
    place = [ledger] if command == "doctor" else ["--ledger", ledger]
    print(command, run([command, *place]), flush=True)
"""


def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    warm = tmp_path / "warm.db"
    with Ledger.open(warm) as opened:
        study = parse(STUDY)
        record_plan(opened, study, plan(study).plans, recipe="{}", dataset="d" * 64)
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
        codes = [
            line.split() for line in said.splitlines() if line.startswith(("report ", "doctor ", "grid "))
        ]
        assert codes == [["report", "0"], ["doctor", "0"], ["grid", "7"]], done.stdout + done.stderr
        assert "every row is intact" in said
        assert f"Error: {ledger}: no permission to write the ledger or its folder" in errors
        assert [path.name for path in folder.iterdir()] == ["ledger.db"] and ledger.read_bytes() == before
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)
