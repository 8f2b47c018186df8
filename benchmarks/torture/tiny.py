"""A study that trains in no time."""

from __future__ import annotations

NETWORK = """name = "tiny"
resolution = 8
channels = 1
classes = 10
activation = "relu"
stages = [{ block = "plain", width = 8 }]
head = {}
"""


def study(
    *, grid: str, recipe: str = "epochs = 2\nbatch_size = 128\nlearning_rate = 0.2\n", seeds: int = 2
) -> str:
    """Its text: `recipe` beside its name, `grid` beside α = 1, γ and the tolerances. NETWORK lies in tiny.toml."""
    return (
        'name = "torture"\nbaseline = "tiny.toml"\n[dataset]\nname = "digits"\n'
        '[rounding]\ndepth = "round"\ndivisor = 1\n'
        f'[recipe]\nname = "fast"\n{recipe}'
        '[grid]\nalpha = "1"\ngamma = "1:1.5:0.5"\ntolerance = 1.0\nmacs_tolerance = 0.4\n'
        f"seeds = {seeds}\n{grid}"
    )


# Two candidates, raced or not.
TWO = 'beta = "1:1.5:0.5"\nracing = {}\n'
ALL, RACED = TWO.format("false"), TWO.format("true")
