"""Which trained network is meant: of a study (`phi=2`, `best`, `winner`), an exported folder, a network and weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scaling_search.baselines.load import load, names
from scaling_search.errors import InputError, UsageError, suggest
from scaling_search.export.metadata import Metadata
from scaling_search.scaling.coefficients import Coefficients
from scaling_search.search.members.chosen import best_phi, of_grid, of_study
from scaling_search.search.members.exported import of_folder
from scaling_search.search.members.member import Member
from scaling_search.system.text import full_path

if TYPE_CHECKING:
    from scaling_search.ledger.ledger import Ledger
    from scaling_search.ledger.storage.rows import StudyRow
    from scaling_search.system.files import Folder

_PHI = "phi="
_BEST = "best"
_WINNER = "winner"


def is_of_family(text: str) -> bool:
    """Whether it names a member of a family, `phi=2` or `best`: `winner` is of a search. Errors: UsageError."""
    return text != _WINNER and is_member(text)


def is_member(text: str) -> bool:
    """Whether it names a network that a study trained: `phi=2`, `best` or `winner`. Errors: UsageError."""
    return text in (_BEST, _WINNER) or phi_of(text) is not None


def phi_of(text: str) -> float | None:
    """The φ of `phi=2`; None where it is not written so. Errors: UsageError."""
    if not text.startswith(_PHI):
        return None
    try:
        return float(text.removeprefix(_PHI))
    except ValueError:
        raise UsageError(f"{text!r}: write a member as phi=2, best or winner") from None


def from_outside(text: str, *, weights: Path | None = None, metadata: Metadata | None = None) -> Member:
    """An exported folder, or a network by name or TOML file with `weights`; a folder with other ones than its own.

    `metadata`: the moments and class names to go by, where they are not the folder's.
    Errors: InputError, DamagedError, UsageError.
    """
    folder = full_path(text)
    if folder.is_dir():
        if not (folder / "network.toml").is_file():
            raise InputError(f"{text}: no exported network (it has no network.toml)")
        found = of_folder(folder, weights_file=None if weights is None else full_path(weights))
        return found.about(metadata or Metadata())
    if not (text in names() or "/" in text or text.endswith(".toml")):
        legal = suggest("member", text, (_BEST, _WINNER, *names()))
        raise InputError(f"{legal}; or phi=2, a folder that export wrote, or a TOML file")
    network = load(text)
    if weights is None:
        raise UsageError(f"{text} has no weights: give --weights FILE, or --random-weights SEED to export")
    file = full_path(weights)

    def read() -> tuple[dict[str, object], dict[str, object]]:
        from scaling_search.export import weights_in

        return weights_in.read(file, network)

    return Member(
        label=f"{network.name} with {file.name}",
        network=network,
        metadata=Metadata(provenance={"weights": weights.name}),
        read=read,
    ).about(metadata or Metadata())


def untrained(text: str, seed: int, metadata: Metadata) -> Member:
    """A network by name or TOML file with random weights. Errors: UsageError, InputError."""
    from scaling_search.export import reference

    if not 0 <= seed < 2**63:
        raise UsageError(f"--random-weights {seed}: a seed is 0 or more, and under 2^63")
    if full_path(text).is_dir():
        raise UsageError(
            f"--random-weights are for a network without others: {text} is a folder with its own"
        )
    network = load(text)
    return Member(
        label=f"{network.name}, untrained",
        network=network,
        metadata=Metadata(),
        read=lambda: reference.random_weights(network, seed),
    ).about(metadata)


def members_of(
    texts: Sequence[str],
    ledger: Ledger,
    study: StudyRow,
    checkpoints: Folder,
    seeds: Sequence[int],
    coefficients: Coefficients | None = None,
    family: str | None = None,
    factors: str | None = None,
) -> list[Member]:
    """Each of `texts` once as a member: of a study each of the `seeds`, else its best. Errors: as what finds them.

    `coefficients`, `family`, `factors`: whose member is meant, as `of_study`.
    """
    found: list[Member] = []
    for text in texts:
        if not is_member(text):
            found.append(from_outside(text))
            continue
        for seed in dict.fromkeys(seeds) or (None,):
            if text == _WINNER:
                found.append(of_grid(ledger, study, checkpoints=checkpoints, seed=seed))
                continue
            phi = phi_of(text)
            phi = best_phi(ledger, study, coefficients, family, factors) if phi is None else phi
            found.append(
                of_study(
                    ledger,
                    study,
                    phi,
                    checkpoints=checkpoints,
                    seed=seed,
                    coefficients=coefficients,
                    family=family,
                    factors=factors,
                )
            )
    # `best` and `phi=2` may be one: it is no ensemble with itself.
    return list(
        {member.trial.key if member.trial else at: member for at, member in enumerate(found)}.values()
    )
