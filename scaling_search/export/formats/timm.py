"""A network as timm's own EfficientNet class, where that expresses it exactly: `model.py` needs timm and safetensors.

Each block is read for the numbers that timm's blocks take, written again as timm builds it, and compared with what it
was: whatever differs is the reason given. (In training timm's norms keep the unbiased variance; nothing else differs.)
"""

from __future__ import annotations

from typing import Any

from scaling_search.architecture import operations as ops
from scaling_search.architecture.block import Style
from scaling_search.architecture.blocks.mbconv import squeeze_and_excite
from scaling_search.architecture.network import Network, Part, parts, unrolled
from scaling_search.architecture.operations import Operation, Shape, chain
from scaling_search.errors import InputError
from scaling_search.export.blocks import blocks
from scaling_search.export.formats.torch import weights
from scaling_search.export.job import Job
from scaling_search.export.names import timm_efficientnet
from scaling_search.export.source import Call, Node, Pieces, layout, program

ACTIVATIONS = {"silu": "nn.SiLU", "relu": "nn.ReLU", "relu6": "nn.ReLU6", "hard_swish": "nn.Hardswish"}
PADDINGS = {"same": '"same"', "symmetric": '""'}
# timm rounds a block's middle channels to a multiple of this.
_DIVISOR = 8


class _Not(Exception):
    """What timm has no way to say."""


def files(job: Job) -> dict[str, bytes]:
    """`model.py` and its weights, named as timm names them. Errors: InputError with the part and the reason."""
    text = model(job.network, job.about)
    return {"model.py": text.encode(), "model.safetensors": weights(job, timm_efficientnet(job.network))}


def model(network: Network, about: str) -> str:
    """The text of `model.py`; `about` begins it. Errors: InputError with the part and the reason."""
    found: dict[str, Any] = {}
    stages: list[Node] = []
    rates: list[float | None] = []
    for part in parts(network):
        try:
            if part.label == "stem":
                found |= _stem(part, network.style)
            elif part.label == "head":
                found |= _head(part, network.style)
            else:
                stage, drops = _stage(part, network.style)
                rates += drops
                stages.append(Call("", stage))
                _check_rates(network, rates)
        except _Not as reason:
            raise InputError(
                f"timm cannot express {network.name}: {part.label} ({part.block}): {reason}"
            ) from None
    if "stem_size" not in found:
        raise InputError(f"timm cannot express {network.name}: it has no stem")
    norm = network.style.norm
    assert norm is not None  # noqa: S101 # the stem has one
    arguments: dict[str, Any] = {
        "num_classes": network.classes,
        "in_chans": network.channels,
        **found,
        "fix_stem": True,
        "output_stride": "2**30",
        "pad_type": PADDINGS[str(network.padding)],
        "act_layer": ACTIVATIONS[network.activation],
        "norm_layer": "norm",
        "round_chs_fn": "int",
        "drop_path_rate": network.stochastic_depth,
    }
    keywords = tuple(f"{name}={value}" for name, value in arguments.items())
    made = layout(
        Call("EfficientNet", ("[[dict(block) for block in stage] for stage in BLOCKS]", *keywords)),
        indent=4,
        before="return ",
    )
    body = [
        "def block(kind: str, **numbers: float) -> dict:\n"
        '    """What timm builds a block from."""\n'
        '    return {"block_type": kind, "act_layer": None, **numbers}',
        layout(Call("", tuple(stages), tall=True), before="BLOCKS = "),
        "def Model() -> nn.Module:\n"
        '    """timm\'s class with this network\'s numbers; widths are rounded already."""\n'
        f"    norm = partial(nn.BatchNorm2d, eps={norm.epsilon!r}, momentum={round(1 - norm.momentum, 12)!r})\n"
        f"    {made}",
    ]
    torch = Pieces.of("torch")
    more = "from functools import partial", "from timm.models.efficientnet import EfficientNet"
    helpers = torch.helpers | {"load": torch.helpers["load"].replace('"Model"', "nn.Module")}
    last = [*(helpers[name] for name in ("load", "array", "check"))]
    last += ['if __name__ == "__main__":\n    check()']
    pieces = Pieces(helpers, (*torch.imports, *more))
    return program(about, body, pieces, constants=(), last=last)


def _stem(part: Part, style: Style) -> dict[str, Any]:
    whole = unrolled(part.operation)
    conv = whole.operations[0] if isinstance(whole, ops.Chain) and whole.operations else None
    if not isinstance(conv, ops.Conv) or whole != style.conv(
        conv.features, kernel=conv.kernel, stride=conv.stride
    ):
        raise _Not("timm's stem is one convolution with norm and activation")
    if style.norm is None:
        raise _Not("timm's blocks have batch normalisation")
    if style.activation not in ACTIVATIONS:
        raise _Not(f"the activation is {style.activation}, not one of {', '.join(ACTIVATIONS)}")
    if style.padding not in PADDINGS:
        raise _Not(f"the padding is {style.padding}, not one of {', '.join(PADDINGS)}")
    if conv.stride != 2:
        raise _Not(f"timm's stem has stride 2, not {conv.stride}")
    _check_kernel(conv.kernel)
    return {"stem_size": conv.features, "stem_kernel_size": conv.kernel}


def _head(part: Part, style: Style) -> dict[str, Any]:
    tree = unrolled(part.operation)
    steps = tree.operations if isinstance(tree, ops.Chain) else ()
    conv = next((step.features for step in steps if isinstance(step, ops.Conv)), 0)
    rate = next((step.rate for step in steps if isinstance(step, ops.Dropout)), 0.0)
    expected = chain(
        style.conv(conv) if conv else None,
        ops.GlobalPool(),
        ops.Dropout(rate=rate) if rate else None,
        ops.Dense(features=part.outputs[2]),
    )
    if tree != expected:
        raise _Not("timm's head is a 1x1 convolution, the global mean, dropout and a dense layer")
    return {"num_features": conv, "drop_rate": rate}


def _stage(part: Part, style: Style) -> tuple[tuple[Node, ...], list[float | None]]:
    """timm's arguments of every block, and the rate of each block's shortcut (None where there is none)."""
    found, rates = [], []
    for number, block in enumerate(blocks(part), start=1):
        skip = block.drop is not None
        arguments = _block(block.operation, block.shape, style, skip, f"block {number}")
        if arguments["stride"] > 1 and number > 1:
            raise _Not(f"block {number} has stride {arguments['stride']}; in timm only the first may")
        kind = f'"{arguments.pop("block_type")}"'
        found.append(Call("block", (kind, *(f"{name}={value!r}" for name, value in arguments.items()))))
        rates.append(block.drop)
    return tuple(found), rates


def _block(core: Operation, shape: Shape, style: Style, skip: bool, which: str) -> dict[str, Any]:
    inputs = shape[2]
    steps = core.operations if isinstance(core, ops.Chain) else ()
    convs = [step for step in steps if isinstance(step, ops.Conv)]
    gate = next((step for step in steps if isinstance(step, ops.Gate)), None)
    if not 1 <= len(convs) <= 3:
        raise _Not(f"{which} is none of timm's EfficientNet blocks")
    squeezed = _squeezed(gate)
    features, stride = convs[-1].features, max(conv.stride for conv in convs)
    act = isinstance(steps[-1], ops.Activation)
    common: dict[str, Any] = {"out_chs": features, "stride": stride}
    middle = convs[0].features
    again = (
        None
        if squeezed is None
        else squeeze_and_excite(channels=middle, squeezed=squeezed, inner=style.activation)
    )
    ratio = middle / inputs
    squeeze = {} if squeezed is None else {"se_ratio": squeezed / middle}
    if len(convs) == 1:
        kernel = convs[0].kernel
        expected = style.conv(features, kernel=kernel, stride=stride)
        found = {"block_type": "cn", "kernel_size": kernel, "skip": skip}
    elif len(convs) == 2 and convs[0].groups > 1:
        kernel = convs[0].kernel
        expected = chain(
            style.conv(inputs, kernel=kernel, stride=stride, groups=inputs),
            again,
            style.conv(features, act=act),
        )
        found = {"block_type": "ds", "dw_kernel_size": kernel, "pw_act": act, "noskip": not skip, **squeeze}
    else:
        if middle % _DIVISOR:
            raise _Not(f"{which} has {middle} middle channels, which timm rounds to a multiple of {_DIVISOR}")
        squeeze = {name: value * ratio for name, value in squeeze.items()}
        if len(convs) == 2:
            kernel = convs[0].kernel
            first = [style.conv(middle, kernel=kernel, stride=stride)]
            found = {"block_type": "er", "exp_kernel_size": kernel}
        else:
            kernel = convs[1].kernel
            depthwise = style.conv(middle, kernel=kernel, stride=stride, groups=middle)
            first = [style.conv(middle), depthwise]
            found = {"block_type": "ir", "dw_kernel_size": kernel}
        expected = chain(*first, again, style.conv(features, act=False))
        found |= {"exp_ratio": ratio, "noskip": not skip, **squeeze}
    if expected != core:
        raise _Not(f"{which} is none of timm's EfficientNet blocks")
    _check_kernel(kernel)
    if stride > 2:
        raise _Not(f"{which} has stride {stride}; timm's have 1 or 2")
    return found | common


def _squeezed(gate: ops.Gate | None) -> int | None:
    """The channels of a squeeze-and-excite between its convolutions."""
    match gate:
        case ops.Gate(branch=ops.Chain(operations=(_, ops.Conv(features=squeezed), *_))):
            return squeezed
    return None


def _check_kernel(kernel: int) -> None:
    if kernel % 2 == 0:
        raise _Not(f"a {kernel}x{kernel} kernel is padded otherwise in timm")


def _check_rates(network: Network, rates: list[float | None]) -> None:
    total = sum(network.depths)
    for number, rate in enumerate(rates):
        if rate is not None and abs(rate - network.stochastic_depth * number / total) > 1e-9:
            raise _Not("its rates of stochastic depth do not grow with the block's number")
