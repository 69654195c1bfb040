"""Rows of the embedded toy world."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xadapt.sources.origin import Toy


def rows(found: "Toy") -> Iterator[tuple[str, dict[str, Any]]]:
    """Each row with its place."""
    # The generator takes a while to import, which planning does without.
    from xadapt import toyworld

    made = toyworld.rows(found.dataset, found.config, found.split, found.size)
    at = f"{found.dataset}/{found.config}/{found.split}"
    return ((f"{at}:{number}", row) for number, row in enumerate(made, 1))
