"""Deterministic digests of values.

The same value gives the same digest in every process, on every machine. A value without a canonical
form (a function, a path, an open file) is an error, never a guess.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import cache
from typing import Any

ADDED = {"added": True}
"""Metadata of a dataclass field that came after results were stored: at its default, which must mean what
was done before, it is left out of digests."""


def canonical(value: Any) -> Any:
    """`value` as plain JSON data; a value with a `digest` is written as that digest alone.

    Raises TypeError for a value that has no canonical form.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if (digest := getattr(value, "digest", None)) is not None:
        return {"digest": digest}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (tuple, list)):
        return [canonical(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {
            f.name: canonical(getattr(value, f.name)) for f in _said(type(value)) if not as_before(f, value)
        }
        return {"type": type(value).__name__, **fields}
    if isinstance(value, Mapping):
        return {str(key): canonical(item) for key, item in sorted(value.items())}
    raise TypeError(f"{type(value).__name__} has no canonical form: {value!r}")


@cache
def _said(kind: type) -> "tuple[dataclasses.Field[Any], ...]":
    return tuple(f for f in dataclasses.fields(kind) if not f.metadata.get("where"))


def as_before(field: "dataclasses.Field[Any]", value: Any) -> bool:
    """A field that came later, at the default that means what was done without it: older digests hold."""
    return bool(field.metadata.get("added")) and getattr(value, field.name) == field.default


def digest_of(data: Any) -> str:
    """SHA-256 (64 hex digits) of the canonical JSON of `data`; NaN and infinity are refused."""
    return digest_of_json(canonical(data))


def digest_of_json(data: Any) -> str:
    """`digest_of` for what was read from JSON, which is canonical as it is."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def find(value: Any, kind: type) -> Iterator[Any]:
    """Every instance of `kind` held by `value`, without looking inside the instances."""
    if isinstance(value, kind):
        yield value
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from find(getattr(value, field.name), kind)
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from find(item, kind)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from find(item, kind)
