"""What a grid cannot tell apart, said before it is trained."""

from scaling_search.search.plan.identifiability import alike, notes, ways_out
from scaling_search.search.plan.search_space import search_space
from scaling_search.search.plan.study import parse

B0 = 'name = "b0"\nbaseline = "efficientnet-b0"\n[dataset]\nname = "digits"\n'


def said(text: str) -> list[str]:
    space = search_space(parse(B0 + text))
    return [str(one) for one in alike(space.study, space.base)]


def ways(text: str) -> str:
    space = search_space(parse(B0 + text))
    return ways_out(space.study, alike(space.study, space.base))


def test_every_alpha_up_to_a_quarter_builds_the_same_depths_of_b0() -> None:
    (line,) = said('[grid]\nalpha = "1.05:1.3:0.05"\nbeta = "1.2"\ngamma = "1.2"\n')
    assert line.startswith("α = 1.05 to 1.25: all build the same depths")
    assert "by 1.4 to 4.8" in line


def test_factors_are_written_as_people_write_them() -> None:
    (line,) = said('[grid]\nalpha = "2:2.3:0.05"\nbeta = "1.2"\ngamma = "1.2"\n')[:1]
    assert line.endswith("by 152 to 292")


def test_a_divisor_of_8_takes_beta_away_from_widths_of_8() -> None:
    proxy = '[proxy]\nresolution = 32\nwidth = 0.25\n[grid]\nalpha = "2"\ngamma = "1.2"\nbeta = "1.1"\n'
    # The stem and the first stages are 8 wide, later ones are wider; a baseline of 8 throughout changes nowhere.
    space = search_space(parse(B0 + proxy))
    study, base = space.study, space.base
    narrow = base.model_copy(
        update={
            "stages": base.stages[:2],
            "stem": base.stem and base.stem.model_copy(update={"width": 8}),
            "head": base.head.model_copy(update={"width": 8}),
        }
    )
    assert set(narrow.widths) == {8}
    assert [str(one) for one in alike(study, narrow) if one.dimension == "width"] == [
        "β = 1.1: the widths stay the base's, rounding takes the change away"
    ]
    fine = study.model_copy(update={"rounding": study.rounding.model_copy(update={"divisor": 1})})
    assert not [one for one in alike(fine, narrow) if one.dimension == "width"]


def test_the_ways_out_separate() -> None:
    grid = 'alpha = "1.2:1.25:0.05"\nbeta = "1.2"\ngamma = "1.2"\n'
    assert said("[grid]\n" + grid)
    # 1.2^3 = 1.728 and 1.25^3 = 1.953: 4 blocks become 7 or 8.
    assert not said('[grid]\nphi = "1,3"\n' + grid)


def test_ways_out_are_only_those_that_this_study_and_these_coefficients_have() -> None:
    depths = '[grid]\nalpha = "1.05:1.25:0.05"\nbeta = "1.2"\ngamma = "1.2"\n'
    widths = '[grid]\nalpha = "2"\nbeta = "1.001:1.002:0.001"\ngamma = "1.2"\n'
    assert 'rounding.depth = "round"' in ways(depths) and "a deeper baseline or proxy" in ways(depths)
    assert "divisor" not in ways(depths), "a divisor changes nothing about α"
    assert "divisor than 8" in ways(widths) and "a wider baseline or proxy" in ways(widths)
    assert "rounding.depth" not in ways(widths)
    fine = '[rounding]\ndepth = "round"\ndivisor = 1\n'
    for grid in (depths, widths):
        assert not {"rounding.depth", "divisor"} & set(ways(fine + grid).split())
        assert "grid --phi 1,2" in ways(grid)


def test_the_note_has_both_and_a_grid_that_tells_all_apart_has_none() -> None:
    space = search_space(parse(B0 + '[grid]\nalpha = "1.05:1.25:0.05"\nbeta = "1.2"\ngamma = "1.2"\n'))
    (note,) = notes(space.study, space.base)
    assert note.startswith("What this grid cannot tell apart: α = 1.05 to 1.25: all build the same depths")
    assert note.endswith(ways_out(space.study, alike(space.study, space.base)))
    space = search_space(parse(B0 + '[grid]\nalpha = "1,2"\nbeta = "1"\ngamma = "1"\n'))
    assert notes(space.study, space.base) == []
