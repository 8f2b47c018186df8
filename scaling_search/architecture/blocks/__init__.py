"""Every block by name: one file per family. Registered here, nowhere else."""

from __future__ import annotations

from scaling_search.architecture.block import Head, Stage, Stem
from scaling_search.architecture.blocks.ends import ConvHead, ConvStem
from scaling_search.architecture.blocks.mbconv import MBConv

STEMS: dict[str, type[Stem]] = {"conv": ConvStem}
STAGES: dict[str, type[Stage]] = {"mbconv": MBConv}
HEADS: dict[str, type[Head]] = {"conv": ConvHead}
