"""Compound-scaling search: how should this network be made bigger, or smaller?"""

__version__ = "0.1.0"
