"""The experiments that ship inside the package, found by name."""

from importlib.resources import files
from pathlib import Path
from typing import Any

from xadapt import toml
from xadapt.errors import UnknownName, nearest


def shipped() -> dict[str, Any]:
    """The experiments inside the package, by name."""
    there = files("xadapt.configs").iterdir()
    return {p.name.removesuffix(".toml"): p for p in there if p.name.endswith(".toml")}


def read(name: str) -> toml.Document:
    """An experiment file by path or shipped name. Raises UnknownName with the nearest there is."""
    path = Path(name)
    if path.is_file():
        return toml.parse(path.read_bytes(), path.name)
    if name in shipped():
        return toml.parse(shipped()[name].read_bytes(), f"{name}.toml")
    beside = (each for each in path.parent.glob("*.toml") if each.is_file()) if path.suffix else ()
    known = [*shipped(), *map(str, beside)]
    raise UnknownName(f"no experiment {name!r}{nearest(name, known)}", "give a path, or a shipped name")
