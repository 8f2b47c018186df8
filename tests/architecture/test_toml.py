"""The network format: strict to read, canonical to write."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaling_search.architecture.block import Stage
from scaling_search.architecture.blocks.ends import ConvHead, ConvStem
from scaling_search.architecture.blocks.mbconv import MBConv
from scaling_search.architecture.blocks.resnet import Basic
from scaling_search.architecture.network import Network, fingerprint, parts
from scaling_search.architecture.operations import ACTIVATIONS
from scaling_search.architecture.toml import parse, read, write
from scaling_search.baselines.load import baseline, load, names
from scaling_search.errors import InputError

SMALL = """
name = "small"
resolution = 32
activation = "relu"
stem = { width = 16 }
stages = [
  { block = "basic", depth = 2, width = 16 },
  { block = "basic", depth = 2, width = 32, stride = 2 },
]
head = { dropout = 0.1 }
"""


@pytest.mark.parametrize("name", names())
def test_every_baseline_reads_back(name: str) -> None:
    network = baseline(name)
    text = write(network)
    assert parse(text) == network
    assert write(parse(text)) == text


text = st.text(min_size=1, max_size=20)
widths = st.integers(1, 4096)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    stages: list[Stage] = []
    for _ in range(draw(st.integers(1, 4))):
        depth, width, stride = draw(st.integers(1, 9)), draw(widths), draw(st.integers(1, 8))
        if draw(st.booleans()):
            stages.append(Basic(block="basic", depth=depth, width=width, stride=stride))
        else:
            squeeze = draw(st.none() | st.floats(0.01, 1))
            expand = draw(st.floats(0.25, 8) | st.integers(1, 8))
            stages.append(
                MBConv(
                    block="mbconv", depth=depth, width=width, stride=stride, expand=expand, squeeze=squeeze
                )
            )
    return Network(
        name=draw(text),
        source=draw(st.text(max_size=40)),
        resolution=draw(st.integers(1, 8192)),
        activation=draw(st.sampled_from(ACTIVATIONS)),
        norm_epsilon=draw(st.floats(1e-12, 0.5)),
        stem=draw(st.none() | st.builds(ConvStem, width=widths, pool=st.none() | st.integers(1, 5))),
        stages=tuple(stages),
        head=draw(st.builds(ConvHead, width=st.none() | widths, dropout=st.floats(0, 0.99))),
    )


@settings(max_examples=200, deadline=None)
@given(network=networks())
def test_any_network_reads_back(network: Network) -> None:
    written = write(network)
    assert parse(written) == network
    assert write(parse(written)) == written
    assert fingerprint(parse(written)) == fingerprint(network)


@given(name=text, source=st.text(max_size=40))
def test_the_fingerprint_ignores_labels(name: str, source: str) -> None:
    network = parse(SMALL)
    labelled = network.model_copy(update={"name": name, "source": source})
    assert fingerprint(labelled) == fingerprint(network)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("resolution = 32", "resolution = 33"),
        ("depth = 2, width = 32", "depth = 3, width = 32"),
        ('"relu"', '"silu"'),
        ("dropout = 0.1", "dropout = 0.2"),
        ("resolution = 32", "resolution = 32\nclasses = 10"),
        ("resolution = 32", "resolution = 32\nnorm_momentum = 0.9"),
        ("stride = 2", "stride = 1"),
    ],
)
def test_the_fingerprint_sees_everything_else(old: str, new: str) -> None:
    assert fingerprint(parse(SMALL.replace(old, new, 1))) != fingerprint(parse(SMALL))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("stem = { width = 16 }", 'stem = { block = "conv", stride = 2, width = 16, kernel = 3 }'),
        ('activation = "relu"', 'activation = "relu"\nnorm = "batch"\nchannels = 3'),
        ("resolution = 32", "resolution = 32 # pixels"),
    ],
)
def test_the_fingerprint_is_of_the_meaning(old: str, new: str) -> None:
    """Defaults written out, another order of keys and comments change nothing."""
    assert fingerprint(parse(SMALL.replace(old, new, 1))) == fingerprint(parse(SMALL))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("resolution", "resolutoin", ["resolutoin", "did you mean 'resolution'", "activation", "stages"]),
        (
            "stride = 2",
            "strides = 2",
            ["stage 2", "strides", "did you mean 'stride'", "depth, width, stride, kernel"],
        ),
        ("depth = 2, ", "expand = 6, ", ["stage 1", "unknown key 'expand'", "squeeze"]),
        ("dropout = 0.1", "droput = 0.1", ["head", "did you mean 'dropout'"]),
        ("width = 16 }", "width = 16, pad = 1 }", ["stem", "unknown key 'pad'", "kernel"]),
        ('"basic"', '"basik"', ["stage 1", "unknown stage block 'basik'", "did you mean 'basic'", "mbconv"]),
        ('{ block = "basic", ', "{ ", ["stage 1", "needs `block`", "bottleneck"]),
        ('"relu"', '"rellu"', ["activation", "'rellu'", "did you mean 'relu'", "silu"]),
        ("resolution = 32", 'resolution = "32"', ["resolution", "whole number", "'32'"]),
        ("resolution = 32", "resolution = 32.0", ["resolution", "whole number"]),
        ("resolution = 32", "resolution = true", ["resolution", "whole number"]),
        ("resolution = 32", "resolution = 0", ["resolution: expected 1 or more (got 0)"]),
        ("resolution = 32", "resolution = 9000", ["resolution: expected 8,192 or less (got 9000)"]),
        ("depth = 2", "depth = 0", ["stage 1.depth: expected 1 or more (got 0)"]),
        ("depth = 2", "depth = 1.5", ["stage 1.depth", "whole number"]),
        ("dropout = 0.1", "dropout = 1.0", ["head.dropout: expected less than 1 (got 1.0"]),
        ("dropout = 0.1", "dropout = nan", ["head.dropout: expected a number (got nan)"]),
        ('name = "small"\n', "", ["name", "required"]),
        ("resolution = 32", "resolution = 32\nresolution = 33", ["not TOML"]),
        ("stem = { width = 16 }", "stem = 16", ["stem"]),
    ],
)
def test_a_bad_table_is_an_error_that_says_what_is_legal(old: str, new: str, words: list[str]) -> None:
    assert old in SMALL
    with pytest.raises(InputError) as error:
        parse(SMALL.replace(old, new, 1), what="mine.toml")
    for word in ["mine.toml", *words]:
        assert word in str(error.value)


def test_no_stages_is_no_network() -> None:
    with pytest.raises(InputError, match="stages"):
        parse('name = "x"\nresolution = 8\nactivation = "relu"\nstages = []\nhead = {}\n')


def test_a_vanishing_map_names_its_stage_and_resolution() -> None:
    network = parse(SMALL.replace("resolution = 32", 'resolution = 4\npadding = "valid"', 1))
    with pytest.raises(
        InputError, match=r"small at 4 px: stage 1 \(basic\): a 3x3 window .*higher resolution"
    ):
        parts(network)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read network file .*none\.toml"):
        load(str(tmp_path / "none.toml"))
    (tmp_path / "binary.toml").write_bytes(b"\xc3\x28")
    with pytest.raises(InputError, match="not UTF-8"):
        read(tmp_path / "binary.toml")
    (tmp_path / "good.toml").write_text(SMALL, encoding="utf-8")
    assert load(str(tmp_path / "good.toml")).name == "small"


def test_an_unknown_name_lists_the_known() -> None:
    with pytest.raises(
        InputError,
        match=r"did you mean 'resnet-50'\? Legal: resnet-50, .* and \d+ more; or a path to a TOML file of your own",
    ):
        baseline("resnet50")
