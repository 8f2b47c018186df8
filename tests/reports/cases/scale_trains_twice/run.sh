#!/bin/bash
# A scale process trains a finished trial again, without a claim, while the process that trained it still judges it on the test split: README says that nothing is trained twice, by whatever process.
# usage: run.sh /path/to/scaling-search     exit 0: the right behaviour is shown
set -u
SS=$(realpath -s "$1"); PY=$(dirname "$SS")/python
D=$(mktemp -d); trap 'chmod -R u+rwx "$D"; rm -rf "$D"' EXIT
export SCALING_SEARCH_DATA=$D/data; cd "$D"
cat > tiny.toml <<'T'
name = "tiny"
resolution = 16
channels = 3
classes = 2
activation = "relu"
norm_momentum = 0.9
stem = { width = 8, kernel = 3, stride = 2 }
stages = [
  { block = "basic", depth = 2, width = 8 },
  { block = "basic", depth = 2, width = 16, stride = 2 },
]
head = { dropout = 0.0 }
T
cat > study.toml <<'T'
name = "s"
baseline = "tiny.toml"
[dataset]
name = "digits"
[rounding]
depth = "round"
divisor = 1
[recipe]
name = "fast"
epochs = 1
batch_size = 32
[grid]
alpha = "1.4"
beta = "1:1.2:0.2"
gamma = "1:1.2:0.2"
tolerance = 0.3
macs_tolerance = 0.3
seeds = 1
T
cat > slow.py <<'P'
"""scaling-search on a machine where testing a network takes 10 s more."""
import sys, time
from scaling_search.cli.main import main
from scaling_search.search.trial.trainer import Trainer
test = Trainer._extras
def later(*given, **named):
    time.sleep(10); return test(*given, **named)
Trainer._extras = later
main(sys.argv[1:])
P
words="scale --study study.toml --ledger s.db --coefficients 1.2,1.1,1.15 --phi 0 --json"
count() { $PY -c "
import sqlite3
try: print(sqlite3.connect('file:s.db?mode=ro', uri=True).execute('select count(*) from trials where state=\"running\"').fetchone()[0])
except sqlite3.Error: print(0)"; }
$PY slow.py $words --out one > 1.json 2> 1.err & p=$!
for i in $(seq 300); do [ "$(count)" -gt 0 ] && break; kill -0 $p 2>/dev/null || { cat 1.err; exit 77; }; sleep 0.1; done
$SS $words --out two > 2.json 2> 2.err || { cat 2.err; exit 77; }
wait $p || { cat 1.err; exit 77; }
$PY -c "
import json, sqlite3
ran = [json.load(open(f'{i}.json'))['trained'] for i in (1, 2)]
trials = sqlite3.connect('s.db').execute('select count(*) from trials').fetchone()[0]
print(f'{trials} trials, trained by the two processes: {ran}'); raise SystemExit(sum(ran) != trials)"
