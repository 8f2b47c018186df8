"""What training asks of a network: two pure functions. It knows nothing else about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from jaxtyping import Array, Float, Key

Tree = Any


class Initialise(Protocol):
    """key → (params, batch_stats): nested dicts of float32 arrays; weight decay acts on leaves named "kernel"."""

    def __call__(self, key: Key[Array, ""], /) -> tuple[Tree, Tree]: ...


class Apply(Protocol):
    """The network itself. ``key`` draws dropout and stochastic depth, and is not used when ``train`` is False.

    Returns float32 logits and the statistics after this batch (unchanged when ``train`` is False). A network with
    auxiliary heads gives logits (heads, batch, classes) in training, the main head first.
    """

    def __call__(
        self,
        params: Tree,
        batch_stats: Tree,
        images: Float[Array, "batch height width channels"],
        /,
        *,
        train: bool,
        key: Key[Array, ""],
    ) -> tuple[Float[Array, "*heads batch classes"], Tree]: ...


class Split(Protocol):
    """`jnp.split`, as quick to compile as the device allows: a vector's consecutive pieces, between these places."""

    def __call__(
        self, vector: Float[Array, " size"], places: Sequence[int], /
    ) -> list[Float[Array, " piece"]]: ...


class Model(Protocol):
    """A network as a pair of pure functions (``networks.build`` makes one)."""

    @property
    def init(self) -> Initialise: ...

    @property
    def apply(self) -> Apply: ...

    @property
    def split(self) -> Split: ...

    @property
    def head_weights(self) -> tuple[float, ...]:
        """What each head's loss counts in training; (1.0,) for a network with no auxiliary heads."""
        ...

    @property
    def initial_weights(self) -> str | None:
        """SHA-256 of the file that `init` takes weights from; None where it draws all of them."""
        ...
