"""What other programs call the layers of a network: one fold for each way of naming, over the layers in their order.

A name is of a module ("blocks.1.0.conv_dw"); which tensors it has ("weight", "running_mean", ...) is in `weights_in`.
The number of convolutions in a block and whether they are in groups tell what its layers are called; no block has to be
known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from scaling_search.architecture import operations as ops
from scaling_search.architecture.network import Network, parts, unrolled
from scaling_search.export.layers import Layer, layers
from scaling_search.export.recognise import flat


@dataclass(frozen=True)
class Block:
    """The layers of one block, and its place: stage, block in the stage, block in the network, all from 0."""

    stage: int
    index: int
    flat: int
    layers: tuple[Layer, ...]

    @property
    def convs(self) -> list[ops.Conv]:
        """The convolutions that are in no gate."""
        return [one.operation for one in self.layers if isinstance(one.operation, ops.Conv) and not one.gated]


def blocks(network: Network) -> tuple[tuple[Layer, ...], list[Block], tuple[Layer, ...]]:
    """The layers of the stem, of each block that has any, and of the head."""
    ends: dict[str, list[Layer]] = {"stem": [], "head": []}
    found: dict[tuple[int, int], list[Layer]] = {}
    for layer in layers(network):
        part, *place = layer.name.split(".")
        if part == "stages":
            found.setdefault((int(place[0]), int(place[1])), []).append(layer)
        else:
            ends[part].append(layer)
    inside = [Block(*at, flat, tuple(inside)) for flat, (at, inside) in enumerate(found.items())]
    return tuple(ends["stem"]), inside, tuple(ends["head"])


def ours(network: Network) -> list[str]:
    """As we write them for PyTorch."""
    return [layer.name for layer in layers(network)]


def _in_turn(
    inside: Sequence[Layer], convs: Iterable[str], norms: Iterable[str] = (), gates: Iterable[str] = ()
) -> Iterator[str]:
    """Names for layers in order: convolutions, norms, and those in gates, each kind in turn."""
    each = {"conv": iter(convs), "norm": iter(norms), "gate": iter(gates)}
    for layer in inside:
        kind = "gate" if layer.gated else "norm" if isinstance(layer.operation, ops.Norm) else "conv"
        yield next(each[kind])


def timm_efficientnet(network: Network) -> list[str]:
    """timm's EfficientNet, MobileNetV2, MnasNet and EfficientNetV2."""
    stem, inside, head = blocks(network)
    found = list(_in_turn(stem, ["conv_stem"], ["bn1"]))
    for block in inside:
        convs = _mobile(block, "conv", "conv_dw conv_pw", "conv_exp conv_pwl", "conv_pw conv_dw conv_pwl")
        norms = (f"bn{number}" for number in count(1))
        inner = _in_turn(block.layers, convs, norms, ["se.conv_reduce", "se.conv_expand"])
        found += [f"blocks.{block.stage}.{block.index}.{name}" for name in inner]
    last = ["conv_head", "classifier"] if len(head) > 1 else ["classifier"]
    return [*found, *_in_turn(head, last, ["bn2"])]


def _mobile(block: Block, one: str, separable: str, fused: str, mobile: str) -> list[str]:
    """The names that fit a block: by how many convolutions it has, and whether the first is depthwise."""
    depthwise = bool(block.convs) and block.convs[0].groups > 1
    return {1: one, 2: separable if depthwise else fused, 3: mobile}[len(block.convs)].split()


def official_efficientnet(network: Network) -> list[str]:
    """The reference EfficientNet's, as its PyTorch ports write them (efficientnet-pytorch, Lite)."""
    stem, inside, head = blocks(network)
    found = list(_in_turn(stem, ["_conv_stem"], ["_bn0"]))
    for block in inside:
        convs = _mobile(
            block,
            "_conv",
            "_depthwise_conv _project_conv",
            "_expand_conv _project_conv",
            "_expand_conv _depthwise_conv _project_conv",
        )
        first = 0 if convs[0] == "_expand_conv" else 1
        norms = (f"_bn{number}" for number in count(first))
        inner = _in_turn(block.layers, convs, norms, ["_se_reduce", "_se_expand"])
        found += [f"_blocks.{block.flat}.{name}" for name in inner]
    return [*found, *_in_turn(head, ["_conv_head", "_fc"], ["_bn1"])]


def torchvision_efficientnet(network: Network) -> list[str]:
    """torchvision's EfficientNet and EfficientNetV2."""
    stem, inside, head = blocks(network)
    found = list(_in_turn(stem, ["features.0.0"], ["features.0.1"]))
    for block in inside:
        at = -1
        gate: Iterator[str] = iter(())
        for layer in block.layers:
            norm = isinstance(layer.operation, ops.Norm)
            if layer.gated:
                name = next(gate, "")
                if not name:
                    at, gate, name = at + 1, iter(["fc2"]), "fc1"
            else:
                at, name = (at, "1") if norm else (at + 1, "0")
            found.append(f"features.{block.stage + 1}.{block.index}.block.{at}.{name}")
    last = f"features.{len(network.stages) + 1}"
    return [*found, *_in_turn(head, [f"{last}.0", "classifier.1"], [f"{last}.1"])]


def torchvision_mobilenet(network: Network) -> list[str]:
    """torchvision's MobileNetV2: convolutions with an activation have a folder of their own, the last has none."""
    stem, inside, head = blocks(network)
    found = list(_in_turn(stem, ["features.0.0"], ["features.0.1"]))
    for block in inside:
        last = len(block.convs) - 1
        convs = [f"{at}.0" if at < last else f"{at}" for at in range(last + 1)]
        norms = [f"{at}.1" if at < last else f"{at + 1}" for at in range(last + 1)]
        inner = _in_turn(block.layers, convs, norms)
        found += [f"features.{block.flat + 1}.conv.{name}" for name in inner]
    end = f"features.{len(inside) + 1}"
    return [*found, *_in_turn(head, [f"{end}.0", "classifier.1"], [f"{end}.1"])]


def torchvision_mnasnet(network: Network) -> list[str]:
    """torchvision's MnasNet: stem and first stage are laid flat."""
    stem, inside, head = blocks(network)
    found = list(_in_turn(stem, ["layers.0"], ["layers.1"]))
    for block in inside:
        places = [0, 1, 3, 4, 6, 7][: len(block.layers)]
        front = f"layers.{7 + block.stage}.{block.index}.layers"
        found += [f"{front}.{place}" if block.stage else f"layers.{3 + place}" for place in places]
    end = 7 + len(network.stages)
    return [*found, *_in_turn(head, [f"layers.{end}", "classifier.1"], [f"layers.{end + 1}"])]


def resnet(network: Network) -> list[str]:
    """ResNet, Wide ResNet and ResNeXt of torchvision and timm; squeeze-and-excite as in timm."""
    stem, inside, head = blocks(network)
    found = list(_in_turn(stem, ["conv1"], ["bn1"]))
    for block in inside:
        branch = [layer for layer in block.layers if ".shortcut." not in layer.name]
        beside = [layer for layer in block.layers if ".shortcut." in layer.name]
        convs, norms = ([f"{kind}{number}" for number in range(1, 9)] for kind in ("conv", "bn"))
        names = list(_in_turn(branch, convs, norms, ["se.fc1", "se.fc2"]))
        names += [f"downsample.{number}" for number in range(len(beside))]
        found += [f"layer{block.stage + 1}.{block.index}.{name}" for name in names]
    return [*found, *_in_turn(head, ["fc"])]


def densenet(network: Network) -> list[str]:
    """DenseNet of torchvision and timm: a transition is what a stage's first block has more than its others."""
    stem, inside, head = blocks(network)
    found = list(_in_turn(stem, ["features.conv0"], ["features.norm0"]))
    for block in inside:
        layer_names = ["norm1", "conv1", "norm2", "conv2"]
        extra = len(block.layers) - len(layer_names)
        found += [f"features.transition{block.stage}.{name}" for name in ["norm", "conv"][:extra]]
        front = f"features.denseblock{block.stage + 1}.denselayer{block.index + 1}"
        found += [f"{front}.{name}" for name in layer_names[: len(block.layers)]]
    return [*found, *_in_turn(head, ["classifier"], ["features.norm5"])]


def shufflenet(network: Network) -> list[str]:
    """torchvision's ShuffleNetV2: the branches count their steps as ours do."""
    stem, inside, head = blocks(network)
    found = list(_in_turn(stem, ["conv1.0"], ["conv1.1"]))
    for block in inside:
        for layer in block.layers:
            *_, branch, step = layer.name.split(".")
            found.append(f"stage{block.stage + 2}.{block.index}.branch{int(branch) + 1}.{step}")
    return [*found, *_in_turn(head, ["conv5.0", "fc"], ["conv5.1"])]


def numbered(network: Network) -> list[str]:
    """VGG, SqueezeNet and other chains in torchvision: modules are numbered as they come, the classifier's anew."""
    found: list[str] = []
    numbers = count(0)
    for part in parts(network):
        tree = unrolled(part.operation)
        if part.label == "head":
            steps = [step for step in flat(tree) if not isinstance(step, ops.Flatten)]
            weighted = [
                at for at, step in enumerate(steps) if isinstance(step, ops.Conv | ops.Dense | ops.Norm)
            ]
            found += [f"classifier.{at}" for at in weighted]
            continue
        assert isinstance(tree, ops.Chain)  # noqa: S101 # a part is a chain
        for block in tree.operations:
            inside = flat(block)
            concat = next((step for step in inside if isinstance(step, ops.Concat)), None)
            if concat is not None:  # a module of its own
                at = next(numbers)
                found += [f"features.{at}.{name}" for name in ("squeeze", "expand1x1", "expand3x3")]
                continue
            for step in inside:
                at = next(numbers)
                if isinstance(step, ops.Conv | ops.Norm):
                    found.append(f"features.{at}")
    return found


SCHEMES: dict[str, Callable[[Network], list[str]]] = {
    "scaling-search": ours,
    "timm's EfficientNet": timm_efficientnet,
    "the official EfficientNet": official_efficientnet,
    "torchvision's EfficientNet": torchvision_efficientnet,
    "torchvision's MobileNetV2": torchvision_mobilenet,
    "torchvision's MnasNet": torchvision_mnasnet,
    "ResNet": resnet,
    "DenseNet": densenet,
    "torchvision's ShuffleNetV2": shufflenet,
    "torchvision's numbered layers": numbered,
}


def candidates(network: Network) -> dict[str, list[str]]:
    """The names of all layers in their order, by every way of naming that fits the network's form."""
    expected = len(layers(network))
    found: dict[str, list[str]] = {}
    for scheme, names in SCHEMES.items():
        try:
            named = names(network)
        except (StopIteration, RuntimeError, KeyError, IndexError, ValueError):
            continue  # its blocks have more layers than this way of naming knows
        if len(named) == expected:
            found[scheme] = named
    return found
