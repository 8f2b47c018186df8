#!/bin/bash
# 12-bit greys in 16-bit files keep 14 of 256 levels without a word; 16-bit PGM is refused although 16-bit grey is promised.
# usage: run.sh /path/to/scaling-search     exit 0: the right behaviour is shown
set -u
SS=$(realpath -s "$1"); PY=$(dirname "$SS")/python
D=$(mktemp -d); trap 'chmod -R u+rwx "$D"; rm -rf "$D"' EXIT
export SCALING_SEARCH_DATA=$D/data; cd "$D"
$PY - <<'P'
import numpy as np, pathlib
from PIL import Image
r = np.random.default_rng(0)
for c in ("cat", "dog"):
    a, b = pathlib.Path("xray", c), pathlib.Path("pgm", c); a.mkdir(parents=True); b.mkdir(parents=True)
    for i in range(6):
        p = r.integers(0, 4096, (16, 16)).astype(np.uint16)
        Image.fromarray(p).save(a / f"{i}.png"); (b / f"{i}.pgm").write_bytes(b"P5\n16 16\n65535\n" + (p * 16).astype(">u2").tobytes())
P
bad=0
$SS data prepare xray --from xray > x.txt 2>&1 || exit 9
$PY -c "
import glob, numpy as np
a = np.load(glob.glob('data/folders/xray/train-*images.npy')[0]); print('12-bit PNG: stored', a.min(), 'to', a.max())
raise SystemExit(bool(a.max() < 128) and not any(w in open('x.txt').read() for w in ('bit', 'dark', 'levels')))" || bad=1
$SS data prepare pgm --from pgm > y.txt 2>&1 || bad=1; tail -1 y.txt; exit $bad
