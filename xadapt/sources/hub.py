"""Rows of a hub dataset, class labels by name; loading scripts are never run."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from xadapt.errors import DataError

if TYPE_CHECKING:
    from xadapt.sources.origin import Hub


def rows(found: "Hub") -> Iterator[tuple[str, dict[str, Any]]]:
    """Each row with its place."""
    at = f"{found.path}/{found.config}/{found.split}"
    for number, row in enumerate(_named(found, at), 1):
        if not found.id_prefix or str(row["id"]).startswith(found.id_prefix):
            yield f"{at}:{number}", row


def _named(rows: "Hub", at: str) -> Iterator[dict[str, Any]]:
    import datasets

    try:
        found = datasets.load_dataset(rows.path, rows.config, split=rows.split, revision=rows.revision)
    except Exception as error:
        # The library raises a dozen unrelated types here; each means that the rows cannot be had.
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"hub dataset {at} @ {rows.revision}: {reason}") from error
    names = {name: f.names for name, f in found.features.items() if isinstance(f, datasets.ClassLabel)}
    lists = {
        name: f.feature.names
        for name, f in found.features.items()
        if isinstance(f, datasets.List) and isinstance(f.feature, datasets.ClassLabel)
    }
    for row in found:
        for name, known in names.items():
            row[name] = known[row[name]] if row[name] is not None and row[name] >= 0 else -1
        for name, known in lists.items():
            row[name] = [known[number] for number in row[name]]
        yield row
