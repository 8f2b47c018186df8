"""Whatever is wrong with the input: an exit code, one message naming it, no traceback, nothing on stdout."""

import os
from pathlib import Path

import pytest

from scaling_search.architecture import toml
from scaling_search.baselines.load import load
from scaling_search.cli.main import run

STUDY = 'name = "s"\nbaseline = "efficientnet-b0"\n[dataset]\nname = "digits"\n'
EMIT = ["scale", "--emit-only", "--baseline", "lenet-5", "--phi", "0"]


def refused(arguments: list[str], code: int, *words: str, capsys: pytest.CaptureFixture[str]) -> None:
    got = run(arguments)
    captured = capsys.readouterr()
    assert got == code, captured.err
    assert captured.out == ""
    assert "Traceback" not in captured.err
    errors = [line for line in captured.err.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1, captured.err
    for word in words:
        assert word in errors[0]


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("gird", 2, ["'gird'", "did you mean 'grid'?"]),
        ("version", 2, ["did you mean '--version'?"]),
        ("plan --baselin lenet-5", 2, ["'--baselin'", "did you mean '--baseline'?"]),
        ("scale --alpha 1.2", 2, ["'--alpha'", "did you mean '--coefficients'?"]),
        ("plan --details", 2, ["unknown option '--details'. Legal: "]),
        ("data lst", 2, ["unknown data command 'lst'", "did you mean 'list'?"]),
        ("ledger foo", 2, ["unknown ledger command 'foo'. Legal: list, show, status"]),
        ("plan --seeds many", 2, ["--seeds"]),
        ("export lenet-5 --out x", 2, ["Missing option '--format'. torch: a module", "onnx; flax"]),
        ("verify lenet-5", 2, ["more arguments than there are: (lenet-5)"]),
        ("plan --baseline efficientnet-b00", 3, ["'efficientnet-b00'", "did you mean 'efficientnet-b0'?"]),
        ("cost efficientnet-b00", 3, ["'efficientnet-b00'", "did you mean 'efficientnet-b0'?"]),
        ("plan --dataset digit", 3, ["'digit'", "did you mean 'digits'?"]),
        ("data prepare digit", 3, ["'digit'", "did you mean 'digits'?", "--from DIR"]),
        ("data prepare ../x", 3, ["'../x'"]),
        ("data prepare pictures --from nowhere", 3, ["nowhere"]),
        ("plan --phi abc", 2, ["'abc'", "0..7"]),
        ("plan --phi 7..0", 2, ["'7..0'", "0..7"]),
        ("plan --phi nan", 2, ["'nan'", "0..7"]),
        ("plan --phi 1e9", 2, ["'1e9'", "-20 to 20"]),
        ("cost lenet-5 --alpha 1.2 --beta 1.1 --gamma 1.1 --phi x", 2, ["'x'", "0..7"]),
        ("plan --alpha 0.5:2:0.1", 2, ["'0.5:2:0.1'", "at least 1"]),
        (
            "plan --match nominl",
            2,
            ["--match: expected realised or nominal (got 'nominl'; did you mean 'nominal'?)"],
        ),
        (
            "plan --budget flops",
            2,
            ["'flops'", "macs, parameters, activations, memory or latency", "did you mean 'macs'?"],
        ),
        ("plan --max-macs 0", 2, ["--max-macs: expected more than 0 (got 0"]),
        ("plan --max-parameters 10", 3, ["meets the limits", "over limits.parameters = 10 parameters"]),
        ("plan --depth-rounding up", 2, ["--depth-rounding: expected ceil or round (got 'up')"]),
        ("plan --seeds 0", 2, ["--seeds: expected 1 or more (got 0)"]),
        ("plan --epochs 0", 2, ["--epochs: expected more than 0 (got 0)"]),
        ("plan --alpha 3:4:0.1", 3, ["the grid is empty", "3 to 4 (11 values)"]),
        ("scale --emit-only --coefficients 0.9,1.1,1.15", 2, ["alpha = 0.9"]),
        ("scale --emit-only --coefficients 1.2,1.1", 2, ["'1.2,1.1'", "ALPHA,BETA,GAMMA"]),
        ("plan --study nowhere.toml", 3, ["nowhere.toml", "No such file"]),
        ("cost nowhere.toml", 3, ["nowhere.toml", "No such file"]),
        ("report --ledger nowhere.db", 3, ["nowhere.db", "scaling-search grid"]),
        ("grid --ledger nowhere/x.db", 3, ["nowhere/x.db", "folder does not exist"]),
        ("ledger check --ledger nowhere.db", 3, ["nowhere.db"]),
        ("ledger repair", 2, ["NEWFILE"]),
        ("report --ledger mysql://host/x", 2, ["mysql", "postgresql+psycopg://"]),
    ],
)
def test_command_line(
    line: str,
    code: int,
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SCALING_SEARCH_LEDGER", raising=False)
    refused(line.split(), code, *words, capsys=capsys)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (STUDY.replace("baseline", "baselin"), ["'baselin'", "did you mean 'baseline'?"]),
        (STUDY + "[grid]\nsed = 3\n", ["grid", "'sed'", "did you mean 'seeds'?"]),
        (STUDY + "[recipe]\nepoch = 3\n", ["'epoch'", "did you mean 'epochs'?"]),
        (STUDY + '[recipe]\nname = "fst"\n', ["'fst'", "did you mean 'fast'?"]),
        (STUDY + '[grid]\nphi = "x"\n', ["grid.phi", "'x'"]),
        (STUDY + '[grid]\nbeta = "0.9"\n', ["grid.beta", "'0.9'"]),
        (STUDY.replace('baseline = "efficientnet-b0"\n', ""), ["baseline", "required"]),
        ("name = ", ["is not TOML"]),
    ],
)
def test_study(text: str, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "study.toml"
    file.write_text(text)
    refused(["plan", "--study", str(file)], 3, *words, capsys=capsys)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("resolution =", "resolutoin =", ["'resolutoin'", "did you mean 'resolution'?"]),
        ("resolution = 224\n", "", ["resolution", "required"]),
        ("width = 16", "width = -16", ["stage 1.width", "-16"]),
        ("width = 16", 'width = "wide"', ["stage 1.width", "'wide'"]),
        ("mbconv", "mbcnov", ["stage 1", "'mbcnov'", "did you mean 'mbconv'?"]),
    ],
)
def test_network(
    old: str, new: str, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = toml.write(load("efficientnet-b0"))
    assert old in whole
    file = tmp_path / "network.toml"
    file.write_text(whole.replace(old, new, 1))
    refused(["cost", str(file)], 3, "network.toml", *words, capsys=capsys)


@pytest.mark.parametrize("content", [b"not a ledger\n", b"SQLite format 3\0" + bytes(4080)])
@pytest.mark.parametrize("command", ["report", "grid", "ledger check"])
def test_a_file_that_is_no_ledger(
    command: str, content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.db"
    file.write_bytes(content)
    refused([*command.split(), "--ledger", str(file)], 5, str(file), capsys=capsys)
    assert file.read_bytes() == content


def test_networks_cannot_be_written_below_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / "networks"
    arguments = [*EMIT, "--coefficients", "1.2,1.1,1.15", "--out", str(out)]
    refused(arguments, 7, str(out), capsys=capsys)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_write_permission(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tmp_path.chmod(0o555)
    out = tmp_path / "networks"
    refused([*EMIT, "--coefficients", "1.2,1.1,1.15", "--out", str(out)], 7, str(out), capsys=capsys)
    refused(["grid", "--ledger", str(tmp_path / "x.db")], 7, "x.db", "permission", capsys=capsys)
    tmp_path.chmod(0o755)
