"""Which layers of a network begin with the weights of another one: those at the same place with the same shape.

The place of a layer is its number in its block, the block's number in its stage, and the stage. So block i of a stage
begins as block i of the source's stage; what is wider, and what the source has no block for, begins anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from scaling_search.architecture.network import Network
from scaling_search.export.layers import layers, tensor_shapes

_SAID = re.compile(r"(\d+) of (\d+) tensors are given")


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """`places`: for each layer of the network the number of the source's layer that it begins as, None for none.

    `taken` and `tensors` count tensors as files do: kernels, biases, and a norm's four.
    """

    places: tuple[int | None, ...]
    taken: int
    tensors: int

    def __str__(self) -> str:
        return f"{self.taken} of {self.tensors} tensors are given"


def said(remarks: Iterable[str | None]) -> list[tuple[int, int]]:
    """(taken, tensors) as remarks say it: `str` of a Transfer anywhere in them.

    >>> said(["resolution adjusted; 3 of 9 tensors are given", None])
    [(3, 9)]
    """
    found = (_SAID.search(remark or "") for remark in remarks)
    return [(int(one[1]), int(one[2])) for one in found if one is not None]


def transfer(source: Network, target: Network) -> Transfer:
    """What `target` takes over from `source`."""
    known = {key: place for place, key in enumerate(_keys(source))}
    places = tuple(known.get(key) for key in _keys(target))
    counts = [len(tensor_shapes(layer)) for layer in layers(target)]
    taken = sum(count for count, place in zip(counts, places, strict=True) if place is not None)
    return Transfer(places=places, taken=taken, tensors=sum(counts))


def _keys(network: Network) -> list[tuple[object, ...]]:
    """Place and shape of each layer: equal for layers that can have the same weights."""
    before: dict[str, int] = {}
    found: list[tuple[object, ...]] = []
    for layer in layers(network):
        part, *place = layer.name.split(".")
        block = ".".join([part, *place[:2]]) if part == "stages" else part
        before[block] = number = before.get(block, -1) + 1
        shape = (layer.inputs[2], layer.flattened, *tensor_shapes(layer).items())
        found.append((block, number, type(layer.operation).__name__, *shape))
    return found
