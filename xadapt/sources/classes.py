"""Class labels by name: numbers in a file stand for names that its metadata or the repository card gives."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Names = Mapping[str, Sequence[str]]
"""Column -> the names of its classes in their order; a field inside a column is written `column.field`."""


def of_metadata(metadata: Mapping[bytes, bytes] | None) -> dict[str, tuple[str, ...]]:
    """The class names that `datasets` writes into the metadata of a parquet file; empty without any."""
    try:
        return of_features(json.loads((metadata or {})[b"huggingface"])["info"]["features"])
    except (KeyError, ValueError, TypeError):
        return {}


def of_features(features: Any) -> dict[str, tuple[str, ...]]:
    """The class names in features, written as `datasets.Features.to_dict` does."""
    return {".".join(path): names for path, names in _walk(features, ()) if names}


def _walk(feature: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    if isinstance(feature, list):
        yield from _walk(feature[0], path)
    elif feature.get("_type") == "ClassLabel":
        yield path, tuple(feature.get("names") or ())
    elif isinstance(feature.get("_type"), str):
        if "feature" in feature:
            yield from _walk(feature["feature"], path)
    else:
        for name, below in feature.items():
            yield from _walk(below, (*path, name))


def name_classes(row: dict[str, Any], known: Names) -> dict[str, Any]:
    """`row` with its class numbers as names; -1 and None, which say that there is no label, stay.

    Raises ValueError naming field and value for a number without a name.
    """
    for column, names in known.items():
        first, *below = column.split(".")
        if first in row:
            row[first] = _named(row[first], below, names, column)
    return row


def _named(value: Any, below: Sequence[str], names: Sequence[str], column: str) -> Any:
    if isinstance(value, list):
        return [_named(item, below, names, column) for item in value]
    if below:
        if not isinstance(value, dict) or below[0] not in value:
            return value
        return {**value, below[0]: _named(value[below[0]], below[1:], names, column)}
    if isinstance(value, str) and value not in names and value.removeprefix("-").isdecimal():
        # A table of text holds numbers as text.
        value = int(value)
    if type(value) is not int or value == -1:
        return value
    if not 0 <= value < len(names):
        raise ValueError(f"field {column!r}: {value} is none of the {len(names)} classes")
    return names[value]
