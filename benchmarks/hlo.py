"""What a module compiled by XLA runs, from its text: kernels, and the bytes that each reads and writes."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

# Instructions of a compiled program that run nothing.
_NAMES = {"parameter", "constant", "get-tuple-element", "bitcast", "tuple"}
_INSTRUCTION = re.compile(
    r"\s+(?:ROOT )?%(?P<name>\S+) = (?P<shape>.+?) (?P<kind>[a-z-]+)\((?P<operands>[^)]*)\)"
)


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """One instruction that runs something: its whole line, and the bytes that it reads and writes."""

    line: str
    bytes: int


def kernels(text: str) -> list[Kernel]:
    """What the entry computation of a compiled module runs."""
    entry = text[text.index("\nENTRY ") :].splitlines()
    instructions = [(line, found) for line in entry if (found := _INSTRUCTION.match(line))]
    sizes = {found["name"]: _size(found["shape"]) for _, found in instructions}
    fused = {
        found[1]: found[2]
        for found in re.finditer(r"^%(\S+) \(.*?\{\n(.*?)^\}", text, re.MULTILINE | re.DOTALL)
    }
    kernels = []
    for line, found in instructions:
        if found["kind"] in _NAMES:
            continue
        called = re.search(r"calls=%([^\s,]+)", line)
        body = fused.get(called[1], "") if called else ""
        operands = re.findall(r"%([^\s,]+)", found["operands"])  # with comments between them
        read = sum(_read(body, at, sizes[operand]) for at, operand in enumerate(operands))
        kernels.append(Kernel(line=line, bytes=read + sizes[found["name"]]))
    return kernels


def _read(body: str, at: int, size: int) -> int:
    """Bytes that a fusion reads of an operand: of one that it only slices, the slices."""
    name = re.search(rf"%(\S+) = \S+ parameter\({at}\)", body)
    if name is None:
        return size
    uses = [
        found
        for line in body.splitlines()
        if (found := _INSTRUCTION.match(line)) and re.search(rf"%{re.escape(name[1])}\b", found["operands"])
    ]
    if not uses or any(use["kind"] not in ("slice", "dynamic-slice") for use in uses):
        return size
    return sum(_size(use["shape"]) for use in uses)


def _size(shape: str) -> int:
    """Bytes of a shape as XLA writes it: bf16[64,7,7,320]{3,2,1,0}, or several in brackets."""
    arrays = re.findall(r"\b(pred|[a-z]+(\d+))\[([\d,]*)\]", shape)
    return sum(
        (int(bits) // 8 if bits else 1) * math.prod(int(side) for side in sides.split(",") if side)
        for _, bits, sides in arrays
    )
