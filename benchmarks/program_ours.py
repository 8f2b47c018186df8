"""This project's network and step."""

from __future__ import annotations

from typing import Any

import cases
import jax
import jax_step

from scaling_search.networks.build import build


def make(case: cases.Case) -> Any:
    return jax_step.stepper(build(case.network, platform=jax.default_backend()), case)
