#!/bin/bash
# After a kill in the middle of a commit (a journal is left) report, ledger check and ledger repair end with 7, no permission to write, although there is; only grid heals it.
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
$SS grid --study study.toml --ledger l.db > g.txt 2>&1 || { echo "no good run"; exit 77; }
# What a process killed while it commits leaves: some pages written, their old content in l.db-journal.
$PY - <<'P'
import os, sqlite3
c = sqlite3.connect("l.db", isolation_level=None)
c.execute("PRAGMA cache_size = 5")
c.execute("BEGIN IMMEDIATE")
c.execute("UPDATE trials SET epochs = epochs || hex(randomblob(30000))")
c.execute("UPDATE networks SET definition = definition || hex(randomblob(30000))")
os._exit(0)
P
[ -s l.db-journal ] || { echo "no journal"; exit 77; }
mkdir keep; cp l.db l.db-journal keep
bad=0
for command in "report --ledger l.db" "ledger check --ledger l.db" "ledger repair new.db --ledger l.db"; do
  cp keep/* .; $SS $command > o.txt 2>&1; code=$?; echo "$command: exit code $code: $(tail -1 o.txt)"; [ $code -eq 0 ] || bad=1
done
exit $bad
