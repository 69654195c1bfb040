"""Check plain data against types and build frozen dataclasses from it."""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any

from xadapt.errors import nearest

NAMES = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "a table",
}


class Wrong(Exception):
    """A value at `keys` is not what its place asks for."""

    def __init__(self, keys: tuple[str | int, ...], message: str) -> None:
        super().__init__(message)
        self.keys = keys


class NoSuch(Wrong):
    """A name, such as that of a method, that stands for nothing known."""


def build(kind: Any, value: Any, keys: tuple[str | int, ...], partial: Any = None) -> Any:
    """`value` as a `kind`: dataclass, tuple, dict, Literal, union, str, int, float or bool.

    `partial[T]` stands for some of the fields of `T`. Raises Wrong, NoSuch among them.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is not None and origin is partial:
        return partial(tuple(_fields(arguments[0], value, keys, partial).items()))
    if dataclasses.is_dataclass(kind):
        return _record(kind, value, keys, partial)
    if origin is tuple:
        items = _expect(value, list, keys)
        return tuple(build(arguments[0], item, (*keys, i), partial) for i, item in enumerate(items))
    if origin is dict:
        items = _expect(value, dict, keys)
        return {key: build(arguments[1], item, (*keys, key), partial) for key, item in items.items()}
    if origin is typing.Literal:
        return _one_of(arguments, value, keys)
    if origin in (typing.Union, types.UnionType):
        return _union([a for a in arguments if a is not types.NoneType], value, keys, partial)
    return _number(value, keys) if kind is float else _expect(value, kind, keys)


def _record(kind: Any, value: Any, keys: tuple[str | int, ...], partial: Any) -> Any:
    given = _fields(kind, value, keys, partial)
    for field in dataclasses.fields(kind):
        no_default = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if no_default and field.init and field.name not in given:
            raise Wrong(keys, f"missing key {field.name!r}")
    return kind(**given)


def _fields(kind: Any, value: Any, keys: tuple[str | int, ...], partial: Any) -> dict[str, Any]:
    table = _expect(value, dict, keys)
    known = _hints(kind)
    for name in table:
        if name not in known:
            raise Wrong((*keys, name), f"unknown key{nearest(name, known)}")
    return {name: build(known[name], item, (*keys, name), partial) for name, item in table.items()}


@cache
def _hints(kind: Any) -> Mapping[str, Any]:
    hints = typing.get_type_hints(kind)
    return {
        field.name: hints[field.name]
        for field in dataclasses.fields(kind)
        if field.init and not field.metadata.get("derived")
    }


def _one_of(known: tuple[Any, ...], value: Any, keys: tuple[str | int, ...]) -> Any:
    if value not in known:
        raise Wrong(keys, f"no {value!r} here{nearest(str(value), map(str, known))}")
    return value


def _union(kinds: list[Any], value: Any, keys: tuple[str | int, ...], partial: Any) -> Any:
    if len(kinds) == 1:
        return build(kinds[0], value, keys, partial)
    plain = {typing.get_origin(kind) or kind: kind for kind in kinds if not dataclasses.is_dataclass(kind)}
    if plain:
        return _plain_or_table(plain, kinds, value, keys, partial)
    by_name = {kind.name: kind for kind in kinds}
    table = {"name": value} if isinstance(value, str) else dict(_expect(value, dict, keys))
    name = table.pop("name", None)
    if name is None:
        raise Wrong(keys, f"missing key 'name'; known are {', '.join(sorted(by_name))}")
    if type(name) is not str:
        raise Wrong((*keys, "name"), f"expected a string, got {_shown(name)}")
    if name not in by_name:
        raise NoSuch(keys, f"no {keys[-1]} {name!r}{nearest(name, by_name)}")
    return build(by_name[name], table, keys, partial)


def _plain_or_table(
    plain: dict[Any, Any], kinds: list[Any], value: Any, keys: tuple[str | int, ...], partial: Any
) -> Any:
    """A union of plain types and at most one dataclass: chosen by what stands there."""
    written = tuple if type(value) is list else type(value)
    tables = [kind for kind in kinds if dataclasses.is_dataclass(kind)]
    if written not in plain and (not tables or type(value) is not dict):
        names = [NAMES[list if kind is tuple else kind] for kind in plain] + [NAMES[dict]] * bool(tables)
        raise Wrong(keys, f"expected {' or '.join(names)}, got {_shown(value)}")
    return build(plain.get(written) or tables[0], value, keys, partial)


def _number(value: Any, keys: tuple[str | int, ...]) -> float:
    if type(value) not in (int, float):
        raise Wrong(keys, f"expected a number, got {_shown(value)}")
    try:
        found = float(value)
    except OverflowError:
        # A whole number of TOML has no limit.
        found = math.inf
    if not math.isfinite(found):
        raise Wrong(keys, f"{found} is not a finite number")
    return found


def _expect(value: Any, kind: type, keys: tuple[str | int, ...]) -> Any:
    if type(value) is not kind:
        raise Wrong(keys, f"expected {NAMES[kind]}, got {_shown(value)}")
    return value


def _shown(value: Any) -> str:
    text = repr(value)
    return f"{NAMES.get(type(value), 'a ' + type(value).__name__)}, {text[:40]}{'...' * (len(text) > 40)}"
