"""Studies: read strictly, overridden by dotted keys, written so that reading gives the same."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaling_search.data import catalog
from scaling_search.errors import InputError
from scaling_search.search.plan import study as studies
from scaling_search.search.plan.study import Data, Family, Grid, Proxy, Study, override, parse, write
from scaling_search.training.recipe import named

TEXT = st.text(min_size=1, max_size=20)
PHIS = st.sampled_from(["1", "0..7", "0,0.5,2", "-1", "1,2"])
RANGES = st.sampled_from(["1", "1:2:0.1", "1.05:1.5:0.05", "1.2"])
STUDIES = st.builds(
    Study,
    name=TEXT,
    baseline=TEXT,
    dataset=st.builds(
        Data, name=TEXT, validation=st.floats(0.01, 0.99), split_seed=st.integers(0, 2**31 - 1)
    ),
    proxy=st.none()
    | st.builds(
        Proxy, resolution=st.integers(4, 4096), width=st.floats(1e-3, 1e3), depth=st.floats(1e-3, 1e3)
    ),
    recipe=st.sampled_from([{"name": "fast"}, {"name": "fast", "epochs": 3}, {"name": "efficientnet"}]),
    grid=st.builds(
        Grid,
        phi=PHIS,
        alpha=RANGES,
        gamma=RANGES,
        tolerance=st.floats(1e-6, 2),
        match=st.sampled_from(["realised", "nominal"]),
        seeds=st.integers(1, 1000),
        racing=st.booleans(),
    ),
    scale=st.builds(Family, phi=PHIS, max_minutes=st.floats(1e-3, 1e6)),
)
MINIMAL = 'name = "s"\nbaseline = "efficientnet-b0"\n[dataset]\nname = "digits"\n'


@given(STUDIES)
def test_reading_inverts_writing(study: Study) -> None:
    assert parse(write(study)) == study
    assert write(parse(write(study))) == write(study)


def test_the_packaged_study_reads() -> None:
    file = Path(studies.__file__).parent / "digits.toml"
    assert parse(write(studies.read(file))) == studies.read(file)


@pytest.mark.parametrize(
    ("extra", "wrong", "nearest"),
    [
        ("[grid]\nseed = 3\n", "'seed'", "'seeds'"),
        ("[scale]\nphis = '1'\n", "'phis'", "'phi'"),
        ("[proxy]\nresolutoin = 8\n", "'resolutoin'", "'resolution'"),
        ("[girds]\n", "'girds'", "'grid'"),
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
        ('[grid]\nalpha = "0.5:2:0.1"\n', "starts under 1"),
        ('[grid]\nalpha = "2:1:0.1"\n', "is no range"),
        ('[grid]\nphi = "one"\n', "grid.phi.*'one'"),
        ('[grid]\nmatch = "exact"\n', "grid.match"),
        ("[grid]\ntolerance = nan\n", "grid.tolerance"),
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
    assert (changed.grid.phi, changed.grid.seeds, changed.scale.seeds) == ("1,2", 5, 7)
    assert changed.resolved_recipe().epochs == 2
    assert changed.dataset == study.dataset
    assert override(study, {}) == study


def test_the_recipe_follows_the_data() -> None:
    """1,438 digits to train on, a fifth of them held out."""
    assert parse(MINIMAL).training_images() == 1150
    assert parse(MINIMAL).resolved_recipe() == named("fast", images=1150)
    half = parse(MINIMAL.replace('name = "digits"', 'name = "digits"\nvalidation = 0.5'))
    assert half.training_images() == 719


def test_a_study_reads_without_its_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report of a ledger from elsewhere; what is wrong with the recipe is said all the same."""
    monkeypatch.setattr(catalog, "describe", lambda *_, **__: pytest.fail("the data were asked for"))
    parse(MINIMAL + "[grid]\nscreening_epochs = 1\n")
    with pytest.raises(InputError, match="epochs"):
        parse(MINIMAL + "[recipe]\nepochs = 0\n")
    monkeypatch.undo()
    assert parse(MINIMAL.replace("digits", "elsewhere")).resolved_recipe() == named("fast")


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
