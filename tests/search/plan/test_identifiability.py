"""What a grid cannot tell apart, said before it is trained."""

from scaling_search.search.plan.identifiability import indistinct, ways_out
from scaling_search.search.plan.study import Study, parse

B0 = 'name = "b0"\nbaseline = "efficientnet-b0"\n[dataset]\nname = "digits"\n'


def said(text: str) -> list[str]:
    study = parse(B0 + text)
    return indistinct(study, study.base(channels=1, classes=10))


def test_every_alpha_up_to_a_quarter_builds_the_same_depths_of_b0() -> None:
    lines = said('[grid]\nalpha = "1.05:1.3:0.05"\nbeta = "1.2"\ngamma = "1.2"\n')
    (line,) = lines
    assert line.startswith("α = 1.05 to 1.25: all build the same depths")
    assert "by 1.4 to 4.8" in line


def test_factors_are_written_as_people_write_them() -> None:
    (line,) = said('[grid]\nalpha = "2:2.3:0.05"\nbeta = "1.2"\ngamma = "1.2"\n')[:1]
    assert line.endswith("by 152 to 292")


def test_a_divisor_of_8_takes_beta_away_from_widths_of_8() -> None:
    proxy = '[proxy]\nresolution = 32\nwidth = 0.25\n[grid]\nalpha = "2"\ngamma = "1.2"\nbeta = "1.1"\n'
    # The stem and the screenings are 8 wide, later ones are wider; a baseline of 8 throughout changes nowhere.
    study = parse(B0 + proxy)
    base = study.base(channels=1, classes=10)
    narrow = base.model_copy(
        update={
            "stages": base.stages[:2],
            "stem": base.stem and base.stem.model_copy(update={"width": 8}),
            "head": base.head.model_copy(update={"width": 8}),
        }
    )
    assert set(narrow.widths) == {8}
    assert [line for line in indistinct(study, narrow) if line.startswith("β")] == [
        "β = 1.1: the widths stay the base's, rounding takes the change away"
    ]
    fine = study.model_copy(update={"rounding": study.rounding.model_copy(update={"divisor": 1})})
    assert not [line for line in indistinct(fine, narrow) if line.startswith("β")]


def test_the_ways_out_separate() -> None:
    grid = 'alpha = "1.2:1.25:0.05"\nbeta = "1.2"\ngamma = "1.2"\n'
    assert said("[grid]\n" + grid)
    # 1.2^3 = 1.728 and 1.25^3 = 1.953: 4 blocks become 7 or 8.
    assert not said('[grid]\nphi = "1,3"\n' + grid)


def test_ways_out_are_only_those_that_this_study_has() -> None:
    coarse: Study = parse(B0)
    assert "rounding.depth" in ways_out(coarse)
    assert "divisor than 8" in ways_out(coarse)
    fine = parse(B0 + '[rounding]\ndepth = "round"\ndivisor = 1\n')
    assert "rounding.depth" not in ways_out(fine)
    assert "divisor" not in ways_out(fine)
    assert "grid --phi 1,2" in ways_out(fine)
