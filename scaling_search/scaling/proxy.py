"""A small-image stand-in for a network, so that a search is affordable."""

from __future__ import annotations

from scaling_search.architecture.network import Network, parts
from scaling_search.errors import InputError
from scaling_search.scaling.rounding import Rounding
from scaling_search.scaling.scale import PAPER, scale

SMALLEST_MAP = 4


def last_map(network: Network) -> int:
    """Shorter side of the map that enters the head, in pixels; 0 where the network is too deep for its images."""
    try:
        return min(parts(network)[-1].inputs[:2])
    except InputError:
        return 0


def proxy(
    network: Network,
    *,
    resolution: int,
    width: float = 1.0,
    depth: float = 1.0,
    channels: int,
    classes: int,
    rounding: Rounding = PAPER,
) -> Network:
    """`network` on small images: scaled by `width` and `depth`, strides taken out from the front.

    Strides go until the last map is at least 4x4 at the base `resolution`. With a stride-32 trunk at 32 px one
    pixel more costs 2.4 times as much, and gamma would be measured on noise.
    Errors: InputError when no stride is left to take.
    """
    label = f"{network.name}@{resolution}px" + f",w={width:g}" * (width != 1) + f",d={depth:g}" * (depth != 1)
    small = scale(network, depth=depth, width=width, rounding=rounding, name=label).model_copy(
        update={"resolution": resolution, "channels": channels, "classes": classes}
    )
    while last_map(small) < SMALLEST_MAP:
        shorter = without_first_stride(small)
        if shorter is None:
            raise InputError(
                f"{network.name} leaves less than a {SMALLEST_MAP}x{SMALLEST_MAP} map of {resolution} px images, with "
                "every stride taken out: use a higher proxy resolution"
            )
        small = shorter
    return small


def without_first_stride(network: Network) -> Network | None:
    """The network without its first down-sampling; None when there is none left."""
    if network.stem is not None and (stem := network.stem.without_stride()) is not None:
        return network.model_copy(update={"stem": stem})
    for index, stage in enumerate(network.stages):
        if (shorter := stage.without_stride()) is not None:
            stages = (*network.stages[:index], shorter, *network.stages[index + 1 :])
            return network.model_copy(update={"stages": stages})
    return None
