"""Rows of the embedded toy world."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from xadapt.errors import DataError

if TYPE_CHECKING:
    from xadapt.sources.origin import Toy


def rows(found: "Toy") -> Iterator[tuple[str, dict[str, Any]]]:
    """Each row with its place. Raises DataError for rows that the toy world does not have."""
    # The generator takes a while to import, which planning does without.
    from xadapt import toyworld
    from xadapt.toyworld.datasets import POOLS
    from xadapt.toyworld.retrieval import BLOCK

    # Else the pools would lack most of the pairs of as many rows.
    size = found.size * (BLOCK if found.split in POOLS else 1)
    at = f"{found.dataset}/{found.config}/{found.split}"
    try:
        made = toyworld.rows(found.dataset, found.config, found.split, size)
    except ValueError as error:
        raise DataError(f"{at}: {error}") from error
    return ((f"{at}:{number}", row) for number, row in enumerate(made, 1))
