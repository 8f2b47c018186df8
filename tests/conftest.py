"""What holds for all tests."""

from hypothesis import settings

# A machine with other work takes a second where it took a millisecond before: that is no fault of a test.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
