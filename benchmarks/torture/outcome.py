"""What a case of torture says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """`tried` times something was done to it: how often work was lost, and how often a wrong answer was given silently.

    `note` holds what else was measured, for people.
    """

    tried: int
    lost: int
    silently_wrong: int
    note: str = ""

    @property
    def survived(self) -> int:
        return self.tried - self.lost - self.silently_wrong

    def as_json(self, name: str) -> dict[str, str | int]:
        return {
            "name": name,
            "tried": self.tried,
            "survived": self.survived,
            "lost": self.lost,
            "silently_wrong": self.silently_wrong,
        }
