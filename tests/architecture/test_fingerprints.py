"""A fingerprint covers everything that it stands for, and an old one never comes to mean something else."""

from __future__ import annotations

import json
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import create_model

from scaling_search.architecture import toml
from scaling_search.architecture.blocks.mbconv import MBConv
from scaling_search.architecture.network import Network, definition, fingerprint, from_definition
from scaling_search.architecture.schema import Later, Strict, canonical, digest
from scaling_search.baselines.load import baseline, names
from scaling_search.errors import InputError
from tests.architecture.goldens import GOLDENS, found


@pytest.mark.parametrize("kind", ["networks", "recipes", "studies", "trials"])
def test_no_fingerprint_has_moved(kind: str) -> None:
    golden = json.loads(GOLDENS.read_text(encoding="utf-8"))[kind]
    now = found()[kind]
    moved = [name for name in {**golden, **now} if golden.get(name) != now.get(name)]
    assert not moved, (
        f"the fingerprints of these {kind} have moved, so that no ledger's trials of them are found any more: "
        f"{', '.join(moved)}. Mark a new field with `Later` and its neutral value; leave defaults as they are. "
        "If this is wanted before a release, run `.venv/bin/python -m tests.architecture.goldens` and read the "
        "difference before committing."
    )


def stage(**fields: Any) -> type[MBConv]:
    """MBConv with more fields, or other defaults."""
    return create_model("MBConv", __base__=MBConv, **fields)


def test_a_later_field_at_its_neutral_value_moves_no_fingerprint() -> None:
    """It was not there when the fingerprint was taken; its neutral value is what was done then."""
    marked = stage(gated=(Annotated[bool, Later(False)], False))
    plain = MBConv(block="mbconv", width=16)
    assert canonical(marked(block="mbconv", width=16)) == canonical(plain)
    assert canonical(marked(block="mbconv", width=16, gated=True)) != canonical(plain)
    # A default that is another one later changes what is written, but not what the neutral value means.
    other_default = stage(gated=(Annotated[bool, Later(False)], True))
    assert canonical(other_default(block="mbconv", width=16, gated=False)) == canonical(plain)
    assert canonical(other_default(block="mbconv", width=16)) != canonical(plain)
    # Within a network, where a stage stands in a list.
    network = baseline("efficientnet-b0")
    stages = tuple(marked(**each.model_dump()) for each in network.stages)
    assert fingerprint(network.model_copy(update={"stages": stages})) == fingerprint(network)


def test_an_unmarked_field_or_another_default_moves_it() -> None:
    plain = MBConv(block="mbconv", width=16)
    assert canonical(stage(gated=(bool, False))(block="mbconv", width=16)) != canonical(plain)
    assert canonical(stage(expand=(float, 4.0))(block="mbconv", width=16)) != canonical(plain)
    written = stage(expand=(float, 4.0))(block="mbconv", width=16, expand=6.0)
    assert canonical(written) == canonical(plain), "it is the value that counts, given or not"


@pytest.mark.parametrize("field", sorted(set(Network.model_fields) - {"name", "source"}))
def test_every_field_of_a_network_takes_part(field: str) -> None:
    assert json.dumps(field) in definition(baseline("efficientnet-b0"))


@given(st.sampled_from(names()), st.text(min_size=1, max_size=20), st.text(max_size=20))
def test_labels_take_no_part(name: str, label: str, source: str) -> None:
    network = baseline(name)
    assert fingerprint(network.model_copy(update={"name": label, "source": source})) == fingerprint(network)


@given(st.sampled_from(names()))
def test_a_network_comes_back_from_its_file_and_from_its_definition(name: str) -> None:
    network = baseline(name)
    for again in (
        toml.parse(toml.write(network)),
        from_definition(definition(network), name="again"),
    ):
        # Anew: what is remembered of an equal network would hide a difference.
        assert digest(definition(again)) == digest(definition(network)) == fingerprint(network)


class Numbers(Strict):
    """A table that has a number."""

    value: Any


@given(st.integers(-(2**53), 2**53))
def test_equal_numbers_are_one_text(value: int) -> None:
    """A default of 6 and a 6.0 that was read once were two fingerprints of one network."""
    assert Numbers(value=value) == Numbers(value=float(value))
    assert canonical(Numbers(value=value)) == canonical(Numbers(value=float(value)))


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_different_numbers_are_different_texts(one: float, other: float) -> None:
    assert (canonical(Numbers(value=one)) == canonical(Numbers(value=other))) == (one == other)
    assert json.loads(canonical(Numbers(value=one)))["value"] == one


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "unknown format"),
        ('{"format": 2}', "unknown format"),
        ("{", "is not JSON"),
        ('{"format": 1, "resolution": 0}', "network x: "),
    ],
)
def test_what_is_no_definition(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        from_definition(text, name="x")
