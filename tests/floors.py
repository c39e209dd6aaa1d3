"""Print the lowest versions that pyproject.toml allows, as constraints for pip: what `make test-floor` runs with."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"


def floors() -> Iterator[str]:
    """Yield ``name==version`` for each dependency.

    The extras are not among them: older releases of pandas cut text at a NUL, those of polars take a timestamp beyond
    nanoseconds for another, and the suite asks for the right values.

    Raises:
        ValueError: one has no lower bound, or several.
    """
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    for requirement in map(Requirement, project["dependencies"]):
        (lowest,) = [each.version for each in requirement.specifier if each.operator == ">="]
        yield f"{requirement.name}=={lowest}"
        if requirement.name == "boto3":  # which is released together with it, and allows later ones
            yield f"botocore=={lowest}"


if __name__ == "__main__":
    print("\n".join(floors()))  # noqa: T201 - it is what this is for
