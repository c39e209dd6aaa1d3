"""The errors of `pyathena.errors` by the name of PyAthena's module, for code that comes from there."""

from pyathena import errors
from pyathena.errors import *  # noqa: F403  # what __all__ says

__all__: list[str] = []
__all__ += errors.__all__
