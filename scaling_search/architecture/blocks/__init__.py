"""Every block by name: one file per family. Registered here, nowhere else."""

from __future__ import annotations

from scaling_search.architecture.block import Head, Stage, Stem
from scaling_search.architecture.blocks.dense import Dense
from scaling_search.architecture.blocks.ends import ConvHead, ConvStem
from scaling_search.architecture.blocks.fire import Fire
from scaling_search.architecture.blocks.fractal import Fractal
from scaling_search.architecture.blocks.inception import Inception
from scaling_search.architecture.blocks.mbconv import FusedMBConv, MBConv
from scaling_search.architecture.blocks.mlpconv import Mlpconv
from scaling_search.architecture.blocks.plain import FlattenHead, LayersStem, MapsHead, Plain
from scaling_search.architecture.blocks.preact import PreactBasic, PreactBottleneck
from scaling_search.architecture.blocks.resnet import Basic, Bottleneck
from scaling_search.architecture.blocks.separable import Separable
from scaling_search.architecture.blocks.shufflenet import ShuffleV1, ShuffleV2
from scaling_search.architecture.blocks.xception import Xception, XceptionExit

STEMS: dict[str, type[Stem]] = {"conv": ConvStem, "layers": LayersStem}
STAGES: dict[str, type[Stage]] = {
    "mbconv": MBConv,
    "fused-mbconv": FusedMBConv,
    "separable": Separable,
    "basic": Basic,
    "bottleneck": Bottleneck,
    "preact-basic": PreactBasic,
    "preact-bottleneck": PreactBottleneck,
    "shuffle-v1": ShuffleV1,
    "shuffle-v2": ShuffleV2,
    "plain": Plain,
    "mlpconv": Mlpconv,
    "fire": Fire,
    "inception": Inception,
    "dense": Dense,
    "fractal": Fractal,
    "xception": Xception,
    "xception-exit": XceptionExit,
}
HEADS: dict[str, type[Head]] = {"conv": ConvHead, "flatten": FlattenHead, "maps": MapsHead}
