"""A triple over φ: members at their budget, files with safe names, how far the powers part from what was built."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_search.architecture import toml
from scaling_search.architecture.network import fingerprint
from scaling_search.errors import UsageError
from scaling_search.ledger.storage.rows import GRID
from scaling_search.scaling.coefficients import Coefficients, parse_coefficients
from scaling_search.search.family.members import Family, Kind, emit, family, file_name
from scaling_search.search.plan.builds import build
from scaling_search.search.plan.identifiability import parting
from scaling_search.search.plan.search_space import search_space
from scaling_search.search.plan.study import override
from tests.search.pretend import BASIC, study

TRIPLE = Coefficients(alpha=1.2, beta=1.1, gamma=1.15)


def built(
    kind: Kind, *, match: str = "nominal", phis: tuple[float, ...] = (0, 1, 2), **changes: object
) -> Family:
    space = search_space(override(study(), changes))
    return family(space, TRIPLE, kind=kind, match=match, phis=phis)


def test_the_full_family_is_of_the_users_network_and_the_proxys_of_its_proxy() -> None:
    full, proxy = built("full"), built("proxy")
    assert (full.space.base.name, full.space.base.resolution) == ("efficientnet-b0", 224)
    assert (full.space.base.channels, full.space.base.classes) == (1, 10), "the data's"
    assert proxy.space.base.resolution == 16
    for one in (full, proxy):
        assert one.members[0].fingerprint == fingerprint(one.space.base)
        assert [member.phi for member in one.members] == [0, 1, 2]
    alone = family(
        search_space(override(study().model_copy(update={"proxy": None}), {})),
        TRIPLE,
        kind="full",
        match="nominal",
        phis=(0, 1),
    )
    assert [m.fingerprint for m in alone.members] == [m.fingerprint for m in full.members[:2]]


@pytest.mark.parametrize("kind", ["full", "proxy"])
def test_matched_members_cost_twice_as_much_with_each_phi(kind: Kind) -> None:
    """As candidates are matched; by the study's own rounding and tolerance."""
    found = built(kind, match="realised", phis=(0, 1, 2, 3))
    base = found.members[0].cost.macs
    for member in found.members:
        ratio = member.cost.macs / (2**member.phi * base)
        assert abs(ratio - 1) <= found.space.study.grid.macs_tolerance
        assert member.macs_ratio == member.cost.macs / base
    statuses = {member.status for member in found.members}
    assert kind == "full" or "adjusted" in statuses, (
        "coarse widths of a small network do not fit by themselves"
    )


def test_the_basic_blocks_of_a_new_user_double_at_full_size() -> None:
    """Once the hint after a search on a proxy built 1.38 times the wanted cost, without a remark."""
    given = override(
        study().model_copy(update={"baseline": BASIC.model_copy(update={"resolution": 32})}),
        {"proxy.resolution": 16, "proxy.width": 0.5, "proxy.depth": 1.0, "scale.phi": "0..3"},
    )
    space = search_space(given)
    triple = Coefficients(alpha=1.2, beta=1.3, gamma=1.0)
    found = family(space, triple, kind="full", match="realised", phis=(0, 1, 2, 3))
    base = found.members[0].cost.macs
    for member in found.members:
        off = abs(member.cost.macs / (2**member.phi * base) - 1)
        # What cannot be matched says by how much it misses.
        assert off <= given.grid.macs_tolerance or "x the target" in str(member.reason)


def test_what_no_adjustment_brings_in_stays_as_the_triple_says_and_tells_the_miss() -> None:
    found = built("proxy", match="realised", phis=(1,), **{"grid.macs_tolerance": 1e-6})
    (member,) = found.members
    assert member.status != "dropped"
    (nominal,) = built("proxy", phis=(1,)).members
    assert member.fingerprint == nominal.fingerprint
    assert member.reason is not None


def test_what_is_over_a_limit_is_a_member_that_is_not_trained() -> None:
    found = built("full", **{"limits.macs": 5e8})
    assert [member.status for member in found.members] == ["kept", "not trained", "not trained"]
    assert all("over limits.macs" in str(member.reason) for member in found.members[1:])


def test_what_was_built_may_be_raised_in_place_of_the_triple() -> None:
    space, raised = search_space(study()), Coefficients(alpha=1.0, beta=1.3, gamma=1.0625)
    found = family(space, TRIPLE, kind="proxy", match="nominal", phis=(1, 2), raised=raised)
    other = family(space, raised, kind="proxy", match="nominal", phis=(1, 2))
    assert [m.fingerprint for m in found.members] == [m.fingerprint for m in other.members]
    assert (found.triple, found.raised, found.factors) == (TRIPLE, raised, "realised")
    assert {member.triple for member in found.members} == {TRIPLE}


@pytest.mark.parametrize("kind", ["full", "proxy"])
@pytest.mark.parametrize("made", [(1, 1.34, 1), (1.5, 1, 1), (1, 1.2, 1.0625)])
def test_factors_that_were_built_are_not_bent_by_matching(
    kind: Kind, made: tuple[float, float, float]
) -> None:
    """(1, 1.34, 1) once had a resolution of 11 px in place of 8, and fell from one φ to the next."""
    space, raised = search_space(study()), Coefficients.of(made)
    growth = float(raised.growth()) * 1.1
    found, nominal = (
        family(
            space,
            TRIPLE,
            kind=kind,
            match=match,
            phis=tuple(range(7)),
            raised=raised,
            as_built=raised,
            growth=growth,
        )
        for match in ("realised", "nominal")
    )
    sides = [member.network.resolution for member in found.members]
    assert sides == sorted(sides)
    base, tolerance = found.space.base_amount, space.study.grid.macs_tolerance
    for member, stands in zip(found.members, nominal.members, strict=True):
        off = abs(member.amount / (growth**member.phi * base) - 1)
        assert off <= tolerance or "x the target" in str(member.reason), "the miss is said"
        assert member.network.widths == stands.network.widths
        if raised.gamma == 1:
            assert member.fingerprint == stands.fingerprint
        else:
            assert member.status in ("kept", "adjusted")


@pytest.mark.parametrize("match", ["realised", "nominal"])
def test_a_member_of_gamma_1_keeps_its_resolution_unless_what_it_built_did_not(match: str) -> None:
    space, phis = search_space(study()), (0, 1, 2, 3)
    triple = Coefficients(alpha=1.2, beta=1.3, gamma=1.0)
    for made in (None, Coefficients(alpha=1.2, beta=1.3, gamma=1.0)):
        one = family(space, triple, kind="full", match=match, phis=phis, as_built=made)
        assert {member.network.resolution for member in one.members} == {224}
        if match == "realised":
            for member in one.members:
                assert abs(member.macs_ratio / 2**member.phi - 1) <= space.study.grid.macs_tolerance
    moved = Coefficients(alpha=1.2, beta=1.3, gamma=1.125)
    (other,) = family(space, triple, kind="proxy", match="realised", phis=(1,), as_built=moved).members
    assert match == "nominal" or other.network.widths == build(space, triple, 1).network.widths


def test_resolutions_never_fall_from_one_phi_to_the_next() -> None:
    """Coarse widths cost too much at one φ and too little at the next."""
    space = search_space(override(study(), {"rounding.divisor": 8}))
    for beta in (1.05, 1.1, 1.15, 1.2, 1.25, 1.3):
        triple = Coefficients(alpha=1.1, beta=beta, gamma=1.05)
        for kind in ("proxy", "full"):
            found = family(space, triple, kind=kind, match="realised", phis=tuple(range(7)))
            sides = [member.network.resolution for member in found.members]
            assert sides == sorted(sides), triple


def test_a_role_is_the_same_for_the_same_family_and_another_for_every_other() -> None:
    space = search_space(study())
    roles = [
        family(space, triple, kind=kind, match=match, phis=phis, raised=raised).role
        for triple in (TRIPLE, Coefficients(alpha=2, beta=1, gamma=1))
        for kind in ("full", "proxy")
        for match in ("nominal", "realised")
        for raised in (None, TRIPLE)
        for phis in ((0, 1),)
    ]
    assert len(set(roles)) == len(roles) == 16
    assert built("proxy", phis=(0,)).role == built("proxy", phis=(1, 2)).role
    assert GRID not in roles


@given(st.text(min_size=1, max_size=200), st.sampled_from([0, 1, 0.5, -2, 7]))
def test_a_file_name_is_safe_whatever_the_network_is_called(name: str, phi: float) -> None:
    file = file_name(name, phi)
    assert file.endswith(f"-phi{phi:g}.toml") and len(file.encode()) <= 170
    assert set(file) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")
    assert not file.startswith((".", "-"))


def test_every_member_has_a_file_that_reads_back_under_its_own_name(tmp_path: Path) -> None:
    found = built("proxy", phis=(-1, 0, 0.5, 2))
    files = emit(found, tmp_path)
    assert [file.name for file in files] == [
        f"efficientnet-b0-16px-w0.25-d0.5-phi{phi}.toml" for phi in ("-1", "0", "0.5", "2")
    ]
    for file, member in zip(files, found.members, strict=True):
        network = toml.read(file)
        assert (network.name, fingerprint(network)) == (file.stem, member.fingerprint)


@given(
    st.tuples(*[st.floats(1, 1.5)] * 3),
    st.tuples(*[st.floats(1, 1.5)] * 3),
    st.sampled_from([(0, 1), (0, 1, 2), (7,), (0, 3.5)]),
)
def test_where_the_powers_part_by_more_than_a_tenth_is_said(
    asked: tuple[float, ...], made: tuple[float, ...], phis: tuple[float, ...]
) -> None:
    said = " ".join(parting(Coefficients.of(asked), Coefficients.of(made), phis))
    places = dict(re.findall(r"at φ = ([\d.]+): ([^;(]+) times", said))
    for phi in {2.0, max(phis)}:
        apart = [abs(phi * math.log(a / b)) > math.log(1.1) for a, b in zip(asked, made, strict=True)]
        assert (f"{phi:g}" in places) == any(apart)
        if any(apart):
            words = places[f"{phi:g}"]
            assert [word in words for word in ("depth", "width", "resolution")] == apart


@pytest.mark.parametrize("text", ["", "1.2", "1.2,1.1", "a,b,c", "1,1,1,1", "0.9,1.1,1.1", "nan,1,1"])
def test_coefficients_that_are_none(text: str) -> None:
    with pytest.raises(UsageError):
        parse_coefficients(text)


def test_coefficients() -> None:
    assert parse_coefficients("1.2, 1.1,1.15") == TRIPLE
