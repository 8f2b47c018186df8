"""Networks scaled, counted, side by side."""

from pathlib import Path

import pytest

from scaling_search.architecture.toml import write
from scaling_search.baselines.load import baseline
from scaling_search.costs.count import cost
from scaling_search.errors import InputError, UsageError
from scaling_search.search.audit.network_costs import compare
from scaling_search.search.audit.scaling_options import Scaling
from scaling_search.search.tables.cost_table import document, record
from scaling_search.training import recipe as recipes

KEYS = ("name", "resolution", "parameters", "batch_stats", "macs", "activations")


def test_a_network_as_it_is() -> None:
    (found,) = compare(["efficientnet-b0"], Scaling())
    assert {key: record(found)[key] for key in KEYS} == {
        "name": "efficientnet-b0",
        "resolution": 224,
        "parameters": 5_288_548,
        "batch_stats": 42_016,
        "macs": 385_825_092,
        "activations": 6_748_036,
    }
    assert record(found)["training_bytes"] is None
    assert "layers" not in record(found)


def test_phi_takes_the_papers_coefficients_unless_told() -> None:
    paper = compare(["efficientnet-b0"], Scaling(phi="1"))
    same = compare(["efficientnet-b0"], Scaling(phi="1", alpha=1.2, beta=1.1, gamma=1.15))
    other = compare(["efficientnet-b0"], Scaling(phi="1", alpha=1.0, beta=1.0, gamma=1.4))
    assert paper == same
    assert paper[0].cost.macs == 992_645_882
    assert other[0].network.resolution == 314


def test_several_phi_are_several_rows() -> None:
    found = compare(["efficientnet-b0"], Scaling(phi="0..2"))
    assert [row.cost.macs for row in found] == [385_825_092, 992_645_882, 1_810_543_544]


def test_resolution_is_a_factor_or_pixels() -> None:
    by_pixels = compare(["efficientnet-b0"], Scaling(width=1.1, depth=1.2, resolution=260))
    assert by_pixels[0].cost == cost(baseline("efficientnet-b2"))
    by_factor = compare(["efficientnet-b0"], Scaling(resolution=2))
    assert by_factor[0].network.resolution == 448
    assert by_factor[0].network.name == "efficientnet-b0@r=2"


def test_rounding_can_be_chosen() -> None:
    (found,) = compare(["resnet-50"], Scaling(depth=1.4, width=1.1, depth_rounding="round", divisor=1))
    assert found.network.depths == (4, 6, 8, 4)
    assert found.network.widths[0] % 8 != 0


def test_rules_scale_too() -> None:
    (found,) = compare(["efficientnet-b0"], Scaling(rule="b4"))
    assert found.cost == cost(baseline("efficientnet-b4"))


def test_parts_and_memory_only_where_asked_for() -> None:
    (found,) = compare(["lenet-5"], Scaling(), by_part=True, recipe=recipes.named("fast", batch_size=8))
    layers = record(found)["layers"]
    assert [row["part"] for row in layers] == ["stem", "stage 1", "stage 2", "head"]
    assert sum(row["macs"] for row in layers) == found.cost.macs
    assert found.training_bytes is not None and found.training_bytes > 8 * found.cost.stored * 4
    assert [table.name for table in document((found,)).tables] == ["networks", "layers"]


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(write(baseline("resnet-18").model_copy(update={"name": "mine"})))
    mine, built_in = compare([str(path), "resnet-18"], Scaling())
    assert mine.cost == built_in.cost
    assert record(mine)["fingerprint"] == record(built_in)["fingerprint"]
    assert record(mine)["name"] == "mine"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": 1.2}, "go together"),
        ({"phi": "1", "alpha": 1.2}, "go together"),
        ({"factor": 2.0}, "--factor goes with --rule"),
        ({"phi": "1", "depth": 2.0}, "choose one"),
        ({"width": 2.0, "rule": "b1"}, "choose one"),
        ({"divisor": 4}, "--divisor"),
    ],
)
def test_mixed_ways_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Scaling(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"phi": "x"}, "'x' is no phi"),
        ({"width": -1.0}, "width factor -1"),
        ({"width": 2.0, "divisor": 0}, "divisor"),
        ({"depth": 2.0, "depth_rounding": "floor"}, "depth"),
    ],
)
def test_bad_values_name_themselves(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        compare(["efficientnet-b0"], Scaling(**options))  # type: ignore[arg-type]


def test_an_unknown_network_and_one_that_vanishes() -> None:
    with pytest.raises(InputError, match="did you mean 'resnet-5"):
        compare(["resnet-51"], Scaling())
    with pytest.raises(InputError, match=r"alexnet@r=30 at 30 px: stage 1 \(plain\)|alexnet@r=30 at 30 px"):
        compare(["alexnet"], Scaling(resolution=30))
