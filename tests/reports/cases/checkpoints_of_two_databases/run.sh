#!/bin/bash
# Searches in two PostgreSQL databases keep their checkpoints in one folder of the user's cache, by trial: the same trial in both breaks the other's (exit code 7, cannot write a checkpoint) or removes them.
# usage: run.sh /path/to/scaling-search     exit 0: the right behaviour is shown
set -u
SS=$(realpath -s "$1"); PY=$(dirname "$SS")/python
D=$(mktemp -d); trap 'rm -rf "$D"' EXIT
cd "$D"; export XDG_CACHE_HOME=$D/cache
$PY - <<'P'
from types import SimpleNamespace
from scaling_search.ledger.storage.location import connect, locate
from scaling_search.search.trial.setup import checkpoint_folder
databases = [connect(locate(f"postgresql+psycopg://localhost/{name}"), read_only=True) for name in ("first", "second")]
one, other = (checkpoint_folder(SimpleNamespace(database=database)) for database in databases)
print(one, other, sep="\n")
raise SystemExit(one == other)
P
