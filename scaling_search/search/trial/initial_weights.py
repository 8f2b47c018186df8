"""Weights from outside that training starts from: the file as it came, kept by its digest beside the checkpoints.

Whoever trains reads them from there, so that a search goes on, on another machine too, without being given the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaling_search.architecture import toml
from scaling_search.architecture.network import Network
from scaling_search.errors import DamagedError, InputError
from scaling_search.export.layers import Arrays
from scaling_search.export.transfer import transfer
from scaling_search.report.figures import count
from scaling_search.search.plan.builds import Build
from scaling_search.search.plan.search_space import base_of
from scaling_search.search.plan.study import Study
from scaling_search.system.files import Folder, save, shown
from scaling_search.training.recipe import Recipe

if TYPE_CHECKING:
    from scaling_search.networks.build import Model

_FOLDER, _FILE, _NETWORK = "initial", "weights", "network.toml"


@dataclass(frozen=True, kw_only=True)
class InitialWeights:
    """A file of weights, the network that they are of, and its arrays in the order of its layers."""

    source: Network
    arrays: tuple[Arrays, ...] = field(repr=False)
    file: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        """Of the file: what a recipe calls it."""
        return hashlib.sha256(self.file).hexdigest()

    def begin(self, model: Model, network: Network) -> Model:
        """The model of a network, beginning with these weights where they fit and as it did before elsewhere."""
        from scaling_search.networks.weights import stack, unstack

        places = transfer(self.source, network).places

        def init(key: Any) -> Any:
            drawn = unstack(network, *model.init(key))
            begun = (own if at is None else self.arrays[at] for own, at in zip(drawn, places, strict=True))
            return stack(network, list(begun))

        return model._replace(init=init, initial_weights=self.sha256)

    def keep(self, builds: Sequence[Build], checkpoints: Folder, *, say: Callable[[str], None]) -> None:
        """Keeps the file for whoever trains these networks. Errors: InputError where none of them takes anything."""
        if not any(one.start is not None and one.start.taken for one in builds):
            raise InputError(
                f"no tensor of the weights of {self.source.name} fits a network that is trained here, such as "
                f"{builds[0].network.name}: other widths make other shapes (a proxy of width 1 keeps them)"
            )
        folder = checkpoints / _FOLDER / self.sha256
        if not (folder / _NETWORK).exists():
            save(self.file, folder / _FILE)
            save(toml.write(self.source), folder / _NETWORK)
        say(
            f"Training starts from weights {self.sha256[:12]} of {self.source.name}: a layer takes them where block "
            f"and shape are the same, all else is drawn anew{_other(self.source, builds[0].network)}."
        )


def _other(source: Network, network: Network) -> str:
    """That the ends of the network begin anew."""
    found = []
    if source.classes != network.classes:
        found.append(f"the head ({source.classes:,} classes there, {network.classes:,} here)")
    if source.channels != network.channels:
        found.append(f"the first layer ({count(source.channels, 'channel')} there, {network.channels} here)")
    return f", as {' and '.join(found)}" if found else ""


def given(
    study: Study, weights: str | Path | None, checkpoints: Folder
) -> tuple[Study, InitialWeights | None]:
    """The study with trainings that start from the file `weights`; without one they start as its recipe says.

    Errors: as `of_file` and `read`.
    """
    if weights is None:
        return study, read(study.resolve_recipe(), checkpoints)
    found = of_file(Path(weights), study)
    return study.override({"recipe.initial_weights": found.sha256}), found


def of_file(path: Path, study: Study) -> InitialWeights:
    """Weights of the study's baseline or of its proxy, for whatever number of channels and classes.

    Errors: InputError naming the first tensor that does not fit the network that is searched; DamagedError.
    """
    from scaling_search.export import weights_in

    data = weights_in.contents(path)
    tensors = weights_in.parse(data, str(path))
    baseline = study.network()
    for network in (baseline, base_of(study, baseline)):
        source = weights_in.as_trained(tensors, network, str(path))
        try:
            arrays = weights_in.by_layer(tensors, source, str(path))
        except InputError as error:
            fault = error
        else:
            return InitialWeights(source=source, arrays=tuple(arrays), file=data)
    raise fault


def read(recipe: Recipe, checkpoints: Folder | None) -> InitialWeights | None:
    """What a recipe starts from, from the folder; None where it draws all of it. Errors: InputError, DamagedError."""
    from scaling_search.export import weights_in

    sha256 = recipe.initial_weights
    if sha256 is None:
        return None
    folder = None if checkpoints is None else checkpoints / _FOLDER / sha256
    if folder is None or not (folder / _NETWORK).exists():
        raise InputError(
            f"training starts from weights {sha256[:12]}, which are not in "
            f"{shown(folder) if folder else 'any folder'}: give the file with --weights"
        )
    data = weights_in.contents(folder / _FILE)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise DamagedError(
            f"weights {shown(folder / _FILE)} are damaged: remove {shown(folder)} and give the file again (--weights)"
        )
    source = toml.parse(weights_in.contents(folder / _NETWORK).decode())
    arrays = weights_in.by_layer(weights_in.parse(data, shown(folder)), source, shown(folder))
    return InitialWeights(source=source, arrays=tuple(arrays), file=data)
