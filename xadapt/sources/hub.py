"""Rows of a hub dataset, read from the files that its lock names: no script runs, the hub is not asked."""

from collections import Counter
from typing import TYPE_CHECKING

from xadapt.errors import DataError
from xadapt.sources import cache, readers

if TYPE_CHECKING:
    from xadapt.sources.origin import Hub, Origin


def rows(found: "Hub", others: "Counter[Origin]") -> readers.Rows:
    """Each row with its place; rows of another `id_prefix` are counted in `others`.

    Raises DataError for what was not fetched, IntegrityError for other bytes.
    """
    if not found.read:
        place = f"{found.path}/{found.config}/{found.split}"
        raise DataError(f"hub dataset {place} is not locked to a revision", cache.FETCH)
    for file in found.read:
        path = cache.checked("dataset", found.path, found.revision, file)
        for place, row in readers.read(path, f"{found.path}/{file.name}", dict(found.names)):
            if not found.id_prefix:
                yield place, row
            elif "id" not in row:
                raise DataError(f"{place}: field 'id' is missing")
            elif str(row["id"]).startswith(found.id_prefix):
                yield place, row
            else:
                others[found] += 1
