#!/bin/bash
# RegNetX-200MF (counted to the unit) made 1.1 times as wide: `inner`, a multiple of 8 and of its groups at once, stays or doubles, without a remark.
# usage: run.sh /path/to/scaling-search     exit 0: the right behaviour is shown
set -u
SS=$(realpath -s "$1"); PY=$(dirname "$SS")/python
D=$(mktemp -d); trap 'chmod -R u+rwx "$D"; rm -rf "$D"' EXIT
export SCALING_SEARCH_DATA=$D/data; cd "$D"
cat > r.toml <<'T'
name = "regnetx-200mf"
resolution = 224
activation = "relu"
padding = "symmetric"
stem = { width = 32, kernel = 3, stride = 2 }
stages = [
  { block = "bottleneck", depth = 1, width = 24, inner = 24, groups = 3, stride = 2 },
  { block = "bottleneck", depth = 1, width = 56, inner = 56, groups = 7, stride = 2 },
  { block = "bottleneck", depth = 4, width = 152, inner = 152, groups = 19, stride = 2 },
  { block = "bottleneck", depth = 7, width = 368, inner = 368, groups = 46, stride = 2 },
]
head = { dropout = 0.0 }
T
$SS scale --baseline r.toml --coefficients 1,1.1,1 --phi 1..4 --emit-only --out f > s.txt 2>&1 || exit 9; cat s.txt
$PY - <<'P'
import glob, re, sys, tomllib
bad = 0
for f in sorted(glob.glob("f/*.toml")):
    n = tomllib.load(open(f, "rb")); phi = float(re.search(r"phi=?(\d+)", f)[1])
    for base, s in zip((24, 56, 152, 368), n["stages"]):
        off = s["inner"] / (base * 1.1**phi) - 1
        if abs(off) > 0.15: bad += 1; print(n["name"], f"inner {s['inner']} where {base * 1.1**phi:.0f} was asked ({off:+.0%}), width {s['width']}")
sys.exit(1 if bad and "group" not in open("s.txt").read() else 0)
P
