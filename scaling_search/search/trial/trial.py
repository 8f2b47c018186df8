"""What is to be trained, and who watches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from scaling_search.architecture.network import Network
from scaling_search.costs.count import Cost
from scaling_search.ledger.storage.rows import TrialRow

if TYPE_CHECKING:
    from scaling_search.training.hooks import Progress


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One network to be trained with one seed."""

    network: Network
    cost: Cost
    seed: int
    label: str


class Callback(Protocol):
    """Who shows the work to a person."""

    def expect(self, trials: int) -> None: ...
    def skip(self, trials: int, why: str) -> None: ...
    def begin(self, trial: Trial) -> None: ...
    def progress(self, progress: Progress) -> None: ...
    def end(self, trial: Trial, row: TrialRow) -> None: ...
    def say(self, text: str) -> None: ...
    def note(self, text: str) -> None: ...
