#!/bin/bash
# Workers that share a PostgreSQL database whose default isolation is serializable or repeatable read end with exit code 7 ("already exists", "could not serialize"): the lock is awaited under an old snapshot.
# usage: run.sh /path/to/scaling-search     exit 0: the right behaviour is shown
set -u
SS=$(realpath -s "$1"); PY=$(dirname "$SS")/python
D=$(mktemp -d); AS=(); [ "$(id -u)" -eq 0 ] && AS=(setpriv --reuid=postgres --regid=postgres --clear-groups --inh-caps=-all)
BIN=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -1); [ -n "$BIN" ] || { echo "no PostgreSQL here: apt-get install postgresql"; exit 77; }
export SCALING_SEARCH_DATA=$D/data; cd "$D"; chmod 755 "$D"; mkdir pg; [ "$(id -u)" -eq 0 ] && chown postgres pg
trap '"${AS[@]}" "$BIN"/pg_ctl -D "$D"/pg/data -m immediate stop >/dev/null 2>&1; chmod -R u+rwx "$D"; rm -rf "$D"' EXIT
PORT=$($PY -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"${AS[@]}" "$BIN"/initdb --auth=trust --username=postgres -D "$D"/pg/data > initdb.txt 2>&1 || { tail -1 initdb.txt; exit 77; }
"${AS[@]}" "$BIN"/pg_ctl -D "$D"/pg/data -l "$D"/pg/log -w -o "-p $PORT -c listen_addresses=127.0.0.1 -c unix_socket_directories=$D/pg" start > start.txt 2>&1 || { tail -1 start.txt; exit 77; }
sql() { "$BIN"/psql -q -h 127.0.0.1 -p "$PORT" -U postgres postgres "$@"; }
URL=postgresql+psycopg://postgres@127.0.0.1:$PORT
cat > race.py <<'P'
"""Two threads write in turn, each in its own transaction, as two workers do."""
import sys, threading
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.rows import TrialRow
place, wrong = sys.argv[1], []
def work(ledger, number):
    try:
        for seed in range(number, 200, 4):
            trial = TrialRow.waiting(network="n", network_name="n", recipe="{}", dataset="d", dataset_name="d", seed=seed)
            ledger.release(ledger.claim(trial))
    except Exception as error:
        wrong.append(f"{type(error).__name__}: {str(error).splitlines()[0]}")
Ledger.open(place).close()
threads = [threading.Thread(target=work, args=(Ledger.open(place), number)) for number in range(4)]
[thread.start() for thread in threads]; [thread.join() for thread in threads]
print(len(wrong), "of 4 workers failed", wrong[:1]); sys.exit(bool(wrong))
P
bad=0
for level in "read committed" "repeatable read" serializable; do
  name=${level// /_}; sql -c "create database $name" && sql -c "alter database $name set default_transaction_isolation = '$level'"
  echo "$level:"; $PY race.py "$URL/$name" || bad=1
done
exit $bad
