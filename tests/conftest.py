"""What holds for all tests."""

from hypothesis import settings
from jaxtyping import install_import_hook

import tests.shapes  # noqa: F401 - the hook below asks for it by name

# While tests run, every array is held against the shape that its signature gives it.
install_import_hook(
    [f"scaling_search.{room}" for room in ("data", "networks", "racing", "statistics", "training")],
    "tests.shapes.checked",
)
# A machine with other work takes a second where it took a millisecond before: that is no fault of a test.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
