"""`scaling-search cost` as a user sees it."""

import json

import pytest

from scaling_search.cli.main import run


def test_json_has_the_keys_that_others_rely_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cost", "efficientnet-b0", "--json"]) == 0
    out = json.loads(capsys.readouterr().out)
    assert (out["name"], out["resolution"], out["parameters"]) == ("efficientnet-b0", 224, 5_288_548)
    assert (out["batch_stats"], out["macs"], out["activations"]) == (42_016, 385_825_092, 6_748_036)


def test_json_of_several_is_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cost", "lenet-5", "resnet-18", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["networks"]
    assert [row["parameters"] for row in rows] == [61_706, 11_689_512]


def test_text_is_one_table_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cost", "lenet-5", "resnet-18", "--batch-size", "4"]) == 0
    out = capsys.readouterr().out
    assert "61,706" in out and "11,689,512" in out and "Training" in out


def test_memory_is_that_of_the_fast_recipe_unless_told_otherwise(capsys: pytest.CaptureFixture[str]) -> None:
    def bytes_of(*words: str) -> int:
        assert run(["cost", "lenet-5", "--batch-size", "4", *words, "--json"]) == 0
        return int(json.loads(capsys.readouterr().out)["training_bytes"])

    parameters = 4 * 61_706
    assert bytes_of() - bytes_of("--no-ema") == parameters
    assert bytes_of() - bytes_of("--optimizer", "sgd") == parameters
    assert bytes_of() == bytes_of("--optimizer", "adamw")
    assert run(["cost", "lenet-5", "--no-ema"]) == 2
    assert "need --batch-size" in capsys.readouterr().err
    assert run(["cost", "lenet-5", "--batch-size", "4", "--optimizer", "adam"]) == 2
    assert "adamw, sgd or rmsprop (got 'adam'" in capsys.readouterr().err


def test_layers_in_text_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cost", "vgg-16", "--layers"]) == 0
    text = capsys.readouterr().out
    assert "stage 5" in text and "7x7x512" in text and " 212" in text
    assert run(["cost", "vgg-16", "--layers", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["layers"]
    assert rows[-2]["receptive_field"] == 212


def test_phi_and_rule(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "cost",
        "efficientnet-b0",
        "--phi",
        "1",
        "--alpha",
        "1.2",
        "--beta",
        "1.1",
        "--gamma",
        "1.15",
    ]
    assert run([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["macs"] == 992_645_882
    assert run(["cost", "efficientnet-b0", "--rule", "b1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["macs"] == 686_817_992


def test_errors_are_one_message_with_their_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cost", "efficientnet-bo"]) == 3
    assert "did you mean 'efficientnet-b" in capsys.readouterr().err
    assert run(["cost", "vgg-16", "--phi", "1", "--width", "2"]) == 2
    assert run(["cost", "vgg-16", "--rule", "dwr"]) == 2
    assert run(["cost"]) == 2
