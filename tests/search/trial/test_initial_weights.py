"""Trainings that start from given weights: what each network takes over, and that these are what it is trained from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from safetensors.numpy import save

from scaling_search.architecture import toml
from scaling_search.architecture.network import Network
from scaling_search.cli.main import run
from scaling_search.errors import DamagedError, InputError
from scaling_search.export.layers import channels_first, layers
from scaling_search.ledger.ledger import Ledger
from scaling_search.ledger.storage.schema import CANDIDATES, STUDIES
from scaling_search.networks.build import build
from scaling_search.networks.weights import unstack
from scaling_search.scaling.scale import scale_network
from scaling_search.search.family.scale import scale
from scaling_search.search.grid.search import grid
from scaling_search.search.plan.search_space import search_space
from scaling_search.search.plan.study import Study, override, write
from scaling_search.search.trial import initial_weights
from scaling_search.search.trial.compiled_networks import CompiledNetworks
from scaling_search.search.trial.scheduler import run_trials
from scaling_search.search.trial.trainer import Trainer
from scaling_search.search.trial.trial import Extras
from tests.search.pretend import Listener, pretended, study
from tests.search.trial.test_trainer import DATASET, RECIPE, TINY, network, trial_of

STAGE = '{ block = "mbconv", depth = 2, width = 8, expand = 2, squeeze = 0.25 }'
STEM = "stem = { width = 4, kernel = 3 }\n"


def with_stem(stages: str) -> Network:
    return toml.parse(toml.write(network(stages)) + STEM)


BASE = with_stem(STAGE)


def weights_file(of: Network, path: Path) -> Path:
    """Weights in which every value is another, as an exported folder has them."""
    random = np.random.default_rng(0)
    trees = jax.tree.map(
        lambda leaf: random.random(leaf.shape, np.float32),
        build(of, platform="plain").init(jax.random.key(0)),
    )
    path.write_bytes(
        save(
            {
                f"{layer.name}.{name}": value
                for layer, own in zip(layers(of), unstack(of, *trees), strict=True)
                for name, value in channels_first(layer, own).items()
            }
        )
    )
    return path


def own_study(base: Network) -> Study:
    return override(study(), {"baseline": "efficientnet-b0"}).model_copy(update={"baseline": base})


def unnamed(phi: str) -> Study:
    found = override(study(), {"grid.seeds": 1, "scale.phi": phi, "scale.seeds": 1})
    return found.model_copy(update={"name": None})


def begun(of: Network, found: initial_weights.InitialWeights) -> tuple[list[Any], list[Any]]:
    """The arrays of each layer, drawn and as they begin."""
    model = build(of, platform="plain")
    key = jax.random.key(3)
    return unstack(of, *model.init(key)), unstack(of, *found.begin(model, of).init(key))


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


def test_the_same_network_begins_as_the_file_and_one_of_other_classes_but_for_its_head(
    tmp_path: Path,
) -> None:
    file = weights_file(BASE, tmp_path / "w.safetensors")
    found = initial_weights.of_file(file, own_study(BASE))
    drawn, taken = begun(BASE, found)
    assert all(map(same, taken, found.arrays)) and not any(map(same, taken, drawn))
    for changes, place in (({"classes": 7}, len(drawn) - 1), ({"channels": 3}, 0)):
        other = BASE.model_copy(update=changes)
        drawn, taken = begun(other, found)
        fits = [same(one, given) for one, given in zip(taken, found.arrays, strict=True)]
        assert fits == [at != place for at in range(len(fits))]
        assert same(taken[place], drawn[place])
        source = initial_weights.of_file(file, own_study(other)).source
        assert source == BASE, "channels and classes are the file's"


def test_added_blocks_and_wider_layers_are_drawn_and_a_removed_stride_changes_nothing(tmp_path: Path) -> None:
    found = initial_weights.of_file(weights_file(BASE, tmp_path / "w.safetensors"), own_study(BASE))
    names = [layer.name for layer in layers(BASE)]
    deeper = with_stem(STAGE.replace("depth = 2", "depth = 3"))
    drawn, taken = begun(deeper, found)
    for layer, one, other in zip(layers(deeper), taken, drawn, strict=True):
        added = layer.name.startswith("stages.0.2.")
        assert same(one, other if added else found.arrays[names.index(layer.name)])
    wider = scale_network(BASE, (1.0, 2.0, 1.0), phi=1)
    drawn, taken = begun(wider, found)
    wanted = [not any(same(one, given) for given in found.arrays) for one in taken]
    assert all(wanted) and all(map(same, taken, drawn))
    # With another stride the first block may get a shortcut around it: its layers have other names, the same places.
    equal = '{ block = "mbconv", depth = 1, width = 8, expand = 2, stride = STRIDE }'
    one, two = (with_stem(f"{STAGE}, {equal.replace('STRIDE', stride)}") for stride in ("2", "1"))
    assert [layer.name for layer in layers(one)] != [layer.name for layer in layers(two)]
    found = initial_weights.of_file(weights_file(one, tmp_path / "w.safetensors"), own_study(one))
    assert all(map(same, begun(two, found)[1], found.arrays))


def test_training_starts_from_them_and_is_a_trial_of_its_own(tmp_path: Path) -> None:
    """At a rate of nearly nothing, what comes out is what went in."""
    found = initial_weights.of_file(weights_file(TINY, tmp_path / "w.safetensors"), own_study(TINY))
    recipe = RECIPE.model_copy(
        update={"learning_rate": 1e-12, "epochs": 1, "ema_images": None, "initial_weights": found.sha256}
    )
    with Ledger.open(tmp_path / "l.db") as ledger:
        networks = CompiledNetworks(dataset=DATASET, recipe=recipe, should_stop=lambda: False, initial=found)
        trainer = Trainer(ledger=ledger, networks=networks, callback=Listener(), checkpoints=tmp_path / "c")
        assert run_trials(trainer, [trial_of(TINY)], extras=Extras(weights=tmp_path / "c")) == 1
        (row,) = ledger.trials()
        assert row.state == "complete" and found.sha256 in row.recipe
        drawn = trainer.with_recipe(recipe.model_copy(update={"initial_weights": None}))
        assert drawn.row(trial_of(TINY)).key != row.key
    (kept,) = (tmp_path / "c" / "weights").iterdir()
    trained = initial_weights.of_file(kept, own_study(TINY)).arrays
    for one, given in zip(trained, found.arrays, strict=True):
        for name in one.keys() - {"mean", "variance"}:  # those follow the images
            np.testing.assert_allclose(one[name], given[name], rtol=1e-6, atol=1e-8)


def test_a_grid_and_a_family_start_from_a_file_and_go_on_without_it(tmp_path: Path) -> None:
    settings = unnamed("0,1")
    file = weights_file(search_space(settings).base, tmp_path / "w.safetensors")
    listener = Listener()
    with Ledger.open(tmp_path / "l.db") as ledger:
        with pretended(lambda trial: 0.6):
            drawn = grid(settings, ledger=ledger)
            result = grid(settings, ledger=ledger, weights=file, callbacks=(listener,))
            file.unlink()
            again = grid(override(settings, {"recipe.initial_weights": sha(result)}), ledger=ledger)
        assert drawn.trained > 0 and result.trained == drawn.trained and again.trained == 0
        assert len(ledger.rows(STUDIES)) == 2
        assert any(f"starts from weights {sha(result)[:12]}" in said for said in listener.noted)
        (base,) = ledger.rows(CANDIDATES, study=result.study.name, role="base")
        assert base.reason is not None and "tensors are given" in base.reason
        start = result.plan.base.start
        assert start is not None and start.taken == start.tensors > 0
        assert any("networks take" in note for note in [*result.report.notes, *result.report.details])
        with pretended(lambda trial: 0.6):
            family = scale(override(settings, {"recipe.initial_weights": sha(result)}), ledger=ledger)
        assert family.families["proxy"].members[0].start == start
        shown = [family.document, *family.document.tables]
        notes = [note for part in shown for note in part.notes]
        assert sum(f"from weights {sha(result)[:12]}" in note for note in notes) == 1


def test_the_commands_take_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    weights_file(search_space(unnamed("0")).base, tmp_path / "w.bin")
    (tmp_path / "s.toml").write_text(write(unnamed("0")))
    with pretended(lambda trial: 0.6):
        assert run(["grid", "--study", "s.toml", "--weights", "w.bin", "--json"]) == 0
        sha256 = json.loads(capsys.readouterr().out)["initial_weights"]
        assert (tmp_path / "scaling-search.db.checkpoints" / "initial" / sha256 / "weights").exists()
        assert run(["scale", "--phi", "0", "--json"]) == 0
        said = capsys.readouterr()
        assert json.loads(said.out)["initial_weights"] == sha256 and sha256[:12] in said.err
        assert run(["scale", "--phi", "0", "--weights", "w.bin", "--train", "none"]) == 2
        assert "legal here: train proxy, full" in capsys.readouterr().err
        assert run(["grid", "--study", "s.toml", "--weights", "no.bin"]) == 3
        assert "cannot read weights" in capsys.readouterr().err


def sha(result: Any) -> str:
    found: str = result.plan.space.recipe.initial_weights
    return found


def test_the_winner_of_a_search_without_weights_is_trained_from_some(tmp_path: Path) -> None:
    settings = unnamed("0")
    with Ledger.open(tmp_path / "l.db") as ledger, pretended(lambda trial: 0.6):
        found = grid(settings, ledger=ledger)
        file = weights_file(found.plan.space.base, tmp_path / "w.safetensors")
        for _ in range(2):  # the second time its own study is in the ledger, which has no grid
            family = scale(settings, ledger=ledger, weights=file)
            assert family.study is not None and family.study.name != found.study.name
            assert family.families["proxy"].triple == found.winner


def test_what_cannot_be_started_from_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    settings = own_study(BASE)
    with pytest.raises(InputError, match=r"stem|stages\.0\.0\S* .*but tiny needs|no known name"):
        initial_weights.of_file(
            weights_file(network('{ block = "plain", width = 6 }'), tmp_path / "other"), settings
        )
    full = settings.network()
    proxied = override(settings, {"proxy.resolution": 8, "proxy.width": 3.0, "rounding.divisor": 2})
    file = weights_file(full, tmp_path / "w.safetensors")
    with (
        Ledger.open(tmp_path / "l.db") as ledger,
        pretended(lambda trial: 0.6),
        pytest.raises(InputError, match="no tensor of the weights of tiny fits a network"),
    ):
        grid(proxied, ledger=ledger, weights=file)
    assert not (tmp_path / "l.db.checkpoints").exists()


def test_kept_weights_are_checked_when_they_are_read(tmp_path: Path) -> None:
    found = initial_weights.of_file(weights_file(TINY, tmp_path / "w.safetensors"), own_study(TINY))
    recipe = RECIPE.model_copy(update={"initial_weights": found.sha256})
    with pytest.raises(InputError, match=r"starts from weights .* which are not in .*initial.*--weights"):
        initial_weights.read(recipe, tmp_path)
    folder = tmp_path / "initial" / found.sha256
    folder.mkdir(parents=True)
    (folder / "network.toml").write_text(toml.write(TINY))
    (folder / "weights").write_bytes(found.file[:-1] + b"x")
    with pytest.raises(DamagedError, match="are damaged"):
        initial_weights.read(recipe, tmp_path)
    (folder / "weights").write_bytes(found.file)
    again = initial_weights.read(recipe, tmp_path)
    assert again is not None and all(map(same, again.arrays, found.arrays))
    assert initial_weights.read(RECIPE, None) is None
