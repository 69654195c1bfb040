"""Where rows come from: a hub repository, a local folder, the toy world; the same columns from each."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from xadapt.sources import folder, hub, world
from xadapt.sources.origin import Folder, Hub, Origin, Own, Toy, origins, place
from xadapt.task import Placed

__all__ = ["Folder", "Hub", "Origin", "Own", "Toy", "origins", "place", "rows"]


def rows(found: Sequence[Origin], data: Path | None, others: Counter[Origin]) -> Iterator[Placed]:
    """Each row of every origin in order; `data` is the folder of local files. Raises DataError.

    Counts in `others` the rows of the same files that belong to another origin.
    """
    for number, one in enumerate(found):
        for at, row in _rows(one, data, others):
            yield Placed(number, at, row)


def _rows(one: Origin, data: Path | None, others: Counter[Origin]) -> Iterator[tuple[str, dict[str, object]]]:
    if isinstance(one, Toy):
        return world.rows(one)
    if isinstance(one, Hub):
        return hub.rows(one, others)
    if isinstance(one, Own):
        return folder.own(one)
    return folder.rows(one, data)
