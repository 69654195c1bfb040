"""Strict TOML: a file becomes frozen dataclasses, and whatever they do not name is an error with its place.

    document = parse(data, "demo.toml")
    document = assign(document, ["recipe.lora.lr=1e-4"])
    experiment = build(document, Experiment)

A field that is a union of dataclasses is chosen by name: `method = "lora"`, or with settings,
`method = { name = "lora", rank = 16 }`.
"""

import copy
import dataclasses
import json
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from xadapt import typed
from xadapt.errors import ConfigError, UnknownName, nearest

T = TypeVar("T")
Keys = tuple[str | int, ...]


@dataclass(frozen=True)
class Changes(Generic[T]):
    """Some fields of a `T`, as written in a table that overrides another one."""

    values: tuple[tuple[str, Any], ...] = ()

    def of(self, value: T) -> T:
        return dataclasses.replace(value, **dict(self.values))  # type: ignore[type-var]


@dataclass(frozen=True)
class Document:
    """A parsed file that still knows where each key stands."""

    name: str
    text: str
    table: dict[str, Any]
    assigned: tuple[Keys, ...] = ()
    """Keys that the command line has set."""

    def at(self, *keys: str | int) -> str:
        """`demo.toml:12: recipe.lora.lr`, for the start of a message."""
        for given in self.assigned:
            if keys[: len(given)] == given or given[: len(keys)] == keys:
                return f"--set {dotted(keys)}"
        line = _line_of(self.text, keys)
        place = f"{self.name}:{line}" if line else self.name
        return f"{place}: {dotted(keys)}" if keys else place


def dotted(keys: Keys) -> str:
    """`target.tasks[2]`"""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")


def parse(data: bytes, name: str) -> Document:
    """Raises ConfigError with file and line for anything that is not TOML in UTF-8."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigError(f"{name}:{line}: not UTF-8 (byte {error.start + 1})") from error
    if text.startswith("\ufeff"):
        raise ConfigError(f"{name}:1: starts with a byte order mark", "save it as UTF-8 without one")
    if not text.strip():
        raise ConfigError(f"{name}: the file is empty", "`xadapt init` writes one to start from")
    try:
        return Document(name, text, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        match = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", str(error), re.S)
        what = " ".join((match[1] if match else str(error)).split())
        number = match[2] if match and match[2] else str(len(text.splitlines()))
        place = f"{name}:{number}:{match[3]}" if match and match[3] else f"{name}:{number}"
        raise ConfigError(f"{place}: {what}") from error
    except RecursionError as error:
        raise ConfigError(f"{name}: nested too deeply") from error
    except ValueError as error:
        # Python reads no whole number of more than 4300 digits.
        raise ConfigError(f"{name}: a number has too many digits") from error


def assign(document: Document, settings: Sequence[str], closed: Collection[str] = ()) -> Document:
    """Apply `a.b=value` settings; a bare word is a string, everything else TOML.

    Tables named in `closed` get no new entries this way: a misspelt name there would be a new thing.
    """
    table, assigned = copy.deepcopy(document.table), list(document.assigned)
    for setting in settings:
        path, found, text = setting.partition("=")
        keys = tuple(path.strip().split("."))
        if not found or not all(keys):
            raise ConfigError(f"--set {setting}: write it as key.path=value")
        there = table.get(keys[0], {})
        if keys[0] in closed and len(keys) > 1 and isinstance(there, dict) and keys[1] not in there:
            known = nearest(keys[1], there)
            raise ConfigError(f"--set {path.strip()}: no {keys[0]} {keys[1]!r} in {document.name}{known}")
        _put(table, keys, _value(text.strip()), path.strip())
        assigned.append(keys)
    return dataclasses.replace(document, table=table, assigned=tuple(assigned))


def build(document: Document, kind: type[T]) -> T:
    """The document as a value of `kind`.

    Raises ConfigError, or UnknownName for a name such as a method's, with file, line, key and nearest name.
    """
    try:
        value: T = typed.build(kind, document.table, (), Changes)
    except typed.Wrong as wrong:
        error = UnknownName if isinstance(wrong, typed.NoSuch) else ConfigError
        raise error(f"{document.at(*wrong.keys)}: {wrong}") from None
    return value


def _put(table: dict[str, Any], keys: Sequence[str], value: Any, path: str) -> None:
    for key in keys[:-1]:
        below = table.setdefault(key, {})
        if isinstance(below, str):
            # `method = "lora"` is short for a table with that name.
            below = table[key] = {"name": below}
        if not isinstance(below, dict):
            raise ConfigError(f"--set {path}: {key!r} is not a table")
        table = below
    table[keys[-1]] = value


def _value(text: str) -> Any:
    try:
        found = tomllib.loads(f"value = {text}")
    except ValueError:
        return text
    # More than one key: a line break stood in it, and what followed was no part of the value.
    return found["value"] if len(found) == 1 else text


def _line_of(text: str, keys: Keys) -> int | None:
    """The line of the longest part of `keys` that is written out."""
    table: Keys = ()
    best: tuple[int, int | None] = (0, None)
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[\[?\s*([^\[\]]+?)\s*\]", line):
            here = table = _split(header[1])
        elif pair := re.match(r"\s*([\w.\"'-]+(?:\s*\.\s*[\w\"'-]+)*)\s*=", line):
            here = (*table, *_split(pair[1]))
        else:
            continue
        length = min(len(here), len(keys))
        if length > best[0] and keys[:length] == here[:length]:
            best = (length, number)
    return best[1]


def _split(path: str) -> Keys:
    return tuple(part.strip().strip("\"'") for part in path.split("."))


def plain(value: Any) -> Any:
    """A value built from TOML as plain data again; None is left out, since TOML has no word for it."""
    if isinstance(value, Changes):
        return {name: plain(item) for name, item in value.values}
    if dataclasses.is_dataclass(value):
        written = (field for field in dataclasses.fields(value) if not field.metadata.get("derived"))
        fields = {field.name: getattr(value, field.name) for field in written}
        tag = {} if "name" in fields or not hasattr(value, "name") else {"name": value.name}
        return tag | {name: plain(item) for name, item in fields.items() if item is not None}
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def write(table: Mapping[str, Any], path: tuple[str, ...] = ()) -> str:
    """Plain data as TOML text that reads back equal."""
    tables = {name: item for name, item in table.items() if isinstance(item, Mapping)}
    lines = [f"{_key(name)} = {_item(item)}" for name, item in table.items() if name not in tables]
    text = "".join(line + "\n" for line in lines)
    for name, item in tables.items():
        below = (*path, _key(name))
        text += f"\n[{'.'.join(below)}]\n{write(item, below)}"
    return text


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _text(name)


def _text(value: str) -> str:
    # JSON strings are TOML strings, but for a DEL character that TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _item(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_item, value))}]"
    if isinstance(value, str):
        return _text(value)
    return str(value).lower() if isinstance(value, bool) else repr(value)
