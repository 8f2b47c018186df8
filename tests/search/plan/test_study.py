"""Studies: read strictly, overridden by dotted keys, written so that reading gives the same."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_search.errors import InputError, UsageError
from scaling_search.search.plan import study as studies
from scaling_search.search.plan.study import Study, override, parse, write
from scaling_search.search.plan.study_tables import Data, Family, Grid, Limits, Proxy, parse_duration

TEXT = st.text(min_size=1, max_size=20)
PHIS = st.sampled_from(["1", "0..7", "0,0.5,2", "-1", "1,2", 1, [0.5, 1]])
RANGES = st.sampled_from(["1", "1:2:0.1", "1.05:1.5:0.05", "1,1.2,1.4", 1.2, [1, 1.5]])
LIMIT = st.none() | st.floats(1e-3, 1e12)
STUDIES = st.builds(
    Study,
    name=st.none() | TEXT,
    baseline=TEXT,
    dataset=st.builds(
        Data, name=TEXT, validation=st.floats(0.01, 0.99), split_seed=st.integers(0, 2**31 - 1)
    ),
    proxy=st.none()
    | st.builds(
        Proxy, resolution=st.integers(4, 4096), width=st.floats(1e-3, 1e3), depth=st.floats(1e-3, 1e3)
    ),
    recipe=st.sampled_from(
        [
            {"name": "fast"},
            {"name": "fast", "epochs": 3},
            {"name": "efficientnet"},
            {"ema_images": None, "epochs": 2},
        ]
    ),
    grid=st.builds(
        Grid,
        phi=PHIS,
        alpha=RANGES,
        gamma=RANGES,
        tolerance=st.floats(1e-6, 2),
        match=st.sampled_from(["realised", "nominal"]),
        seeds=st.integers(1, 1000),
        racing=st.booleans(),
        indifference=st.none() | st.floats(1e-3, 0.5),
        metric=st.sampled_from(["accuracy", "balanced-accuracy"]),
    ),
    scale=st.builds(
        Family,
        phi=PHIS,
        member_time_limit=st.sampled_from(["90s", "30m", "1h30m", 2, 0.5]),
        train=st.sampled_from([None, "proxy", "full", "none"]),
        factors=st.sampled_from(["nominal", "realised"]),
        keep_weights=st.sampled_from(["none", "best", "all"]),
    ),
    limits=st.builds(Limits, macs=LIMIT, memory=LIMIT),
)
MINIMAL = 'name = "s"\nbaseline = "efficientnet-b0"\n[dataset]\nname = "digits"\n'


@given(STUDIES)
def test_reading_inverts_writing(study: Study) -> None:
    assert parse(write(study)) == study
    assert write(parse(write(study))) == write(study)


def test_the_packaged_study_reads_and_has_no_name_of_its_own() -> None:
    file = Path(studies.__file__).parent / "digits.toml"
    found = Study.read(file)
    assert parse(write(found)) == found == studies.read(file)
    assert found.name is None


def test_a_recipe_may_be_without_what_can_be_turned_off() -> None:
    study = parse(MINIMAL + '[recipe]\nema_images = "none"\nclip_norm = "none"\n')
    recipe = study.resolve_recipe()
    assert (recipe.ema_images, recipe.clip_norm) == (None, None)
    with pytest.raises(InputError, match="epochs"):
        parse(MINIMAL + '[recipe]\nepochs = "none"\n')


def test_a_data_set_may_be_a_name_alone() -> None:
    assert parse('baseline = "lenet-5"\ndataset = "digits"\n') == parse(
        'baseline = "lenet-5"\n[dataset]\nname = "digits"\n'
    )


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(
            ("90s", 90),
            ("30m", 1800),
            ("30 min", 1800),
            ("1h30m", 5400),
            ("2h", 7200),
            ("1h 2m 3.5s", 3723.5),
        ),
        *(("15", 15), (15, 15), (0.5, 0.5)),
    ],
)
def test_a_duration_is_seconds(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-1", 0, "30x", "1m1h", "nan", "inf", "1e12", True, None, "m"])
def test_what_is_no_duration_is_named(text: object) -> None:
    with pytest.raises(UsageError, match="is no duration: write 90s, 30m, 1h30m") as caught:
        parse_duration(text)
    assert repr(str(text)) in str(caught.value)


@pytest.mark.parametrize(
    ("extra", "wrong", "nearest"),
    [
        ("[grid]\nseed = 3\n", "'seed'", "'seeds'"),
        ("[scale]\nphis = '1'\n", "'phis'", "'phi'"),
        ("[scale]\nmember_time_limits = 3\n", "'member_time_limits'", "'member_time_limit'"),
        ("[proxy]\nresolutoin = 8\n", "'resolutoin'", "'resolution'"),
        ("[gird]\n", "'gird'", "'grid'"),
        ("[recipe]\nepoch = 3\n", "'epoch'", "'epochs'"),
        ("[rounding]\ndivisr = 3\n", "'divisr'", "'divisor'"),
    ],
)
def test_an_unknown_key_names_the_nearest_legal_one(extra: str, wrong: str, nearest: str) -> None:
    with pytest.raises(InputError, match=f"{wrong}: did you mean {nearest}.*Legal:"):
        parse(MINIMAL + extra)


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        ("[grid]\nseeds = 0\n", "grid.seeds"),
        ('[grid]\nseeds = "3"\n', "grid.seeds"),
        ("[grid]\nseeds = true\n", "grid.seeds"),
        ('[grid]\nalpha = "0.5:2:0.1"\n', "grid.alpha.*starts under 1"),
        ("[grid]\nalpha = 0.5\n", "grid.alpha.*starts under 1"),
        ('[grid]\nalpha = "2:1:0.1"\n', "grid.alpha.*is no range"),
        ("[grid]\nalpha = []\n", "grid.alpha.*is no range"),
        ('[grid]\nphi = "one"\n', "grid.phi.*'one'"),
        ('[grid]\nmatch = "exact"\n', "grid.match"),
        ("[grid]\ntolerance = nan\n", "grid.tolerance"),
        ('[scale]\nmember_time_limit = "soon"\n', "scale.member_time_limit.*'soon'.*30m"),
        ("[recipe]\nname = 3\n", "recipe.name"),
        ('[recipe]\nname = "fsat"\n', "did you mean 'fast'"),
    ],
)
def test_a_bad_value_names_its_key(extra: str, named: str) -> None:
    with pytest.raises(InputError, match=named):
        parse(MINIMAL + extra)


def test_what_is_no_study() -> None:
    with pytest.raises(InputError, match="is not TOML"):
        parse("name = ")
    with pytest.raises(InputError, match="dataset"):
        parse('name = "s"\nbaseline = "b"\n')


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        studies.read(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"name = '\xff'")
    with pytest.raises(InputError, match="not UTF-8"):
        studies.read(tmp_path / "latin.toml")


def test_a_baseline_file_is_beside_the_study(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(MINIMAL.replace("efficientnet-b0", "my.toml"))
    assert studies.read(tmp_path / "s.toml").baseline == str(tmp_path / "my.toml")


def test_options_replace_dotted_keys() -> None:
    study = parse(MINIMAL + "[grid]\nseeds = 5\n")
    changed = override(study, {"grid.phi": "1,2", "recipe.epochs": 2, "dataset.name": None, "scale.seeds": 7})
    assert (changed.grid.phi, changed.grid.seeds, changed.scale.seeds) == ((1, 2), 5, 7)
    assert changed.resolve_recipe().epochs == 2
    assert changed.dataset == study.dataset
    assert override(study, {}) == study


def test_options_are_as_strict_as_files() -> None:
    study = parse(MINIMAL)
    with pytest.raises(InputError, match=r"grid\.seeds"):
        override(study, {"grid.seeds": 0})
    with pytest.raises(InputError, match="did you mean 'seeds'"):
        override(study, {"grid.seed": 1})


def test_a_new_baseline_drops_what_belonged_to_the_old_one() -> None:
    study = parse(MINIMAL + "[proxy]\nresolution = 8\n[rounding]\ndivisor = 2\n")
    changed = override(study, {"baseline": "lenet-5"})
    assert changed.proxy is None
    assert changed.rounding.divisor == 8
    kept = override(study, {"baseline": "lenet-5", "proxy.resolution": 16})
    assert kept.proxy == Proxy(resolution=16)
    assert override(study, {"grid.seeds": 1}).proxy == study.proxy


def test_frozen_parts_are_refused_before_anything_is_trained() -> None:
    with pytest.raises(
        InputError, match=r"recipe\.frozen: all parts are trained; legal here: \[\], got \['stem'\]"
    ):
        override(parse(MINIMAL), {"recipe.frozen": ["stem"]})


def test_a_study_is_never_changed_under_a_search() -> None:
    study = parse(MINIMAL)
    for table, name in ((study, "name"), (study.grid, "seeds")):
        with pytest.raises(UsageError, match=rf"{name} cannot be set: .*model_copy"):
            setattr(table, name, "x")
