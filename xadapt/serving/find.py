"""What a user names, a folder, a digest or what was trained -> the record of that stage, and its store."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xadapt.errors import ConfigError, UnknownName, nearest
from xadapt.workflow import record as records
from xadapt.workflow.record import Record
from xadapt.workflow.store import Store

STORE = Path("runs")
"""Where results are kept when nothing else is said."""
HEX = frozenset("0123456789abcdef")
TRAINED = ("train", "mixture")
MANIFEST = "composition.json"
"""Beside the weights of what was trained; training/manifest.py writes it."""


def find(module: str | Path, store: Path | None = None) -> tuple[Record, Store]:
    """`module` is a stage's folder in a store, the start of a digest, or a name: `mnli`, `xnli stack(mnli)`.

    Raises ConfigError for a folder that is none of a store, UnknownName where nothing or several are meant.
    """
    folder = Path(module)
    if (folder / records.NAME).is_file():
        return _of_folder(folder.absolute())
    if folder.is_dir():
        raise ConfigError(f"{folder}: is no finished stage, it has no {records.NAME}")
    kept = Store(store or STORE)
    name = str(module)
    if len(name) >= 4 and set(name) <= HEX:
        return kept.record(name), kept
    if not kept.root.is_dir():
        raise UnknownName(f"{kept.root}: no such store", "give it with --store, in Python store=")
    return kept.record(_named(name, kept)), kept


def _of_folder(folder: Path) -> tuple[Record, Store]:
    store = Store(folder.parent.parent)
    if store.folder(folder.name) != folder:
        message = f"{folder}: lies in no store, where it would be {folder.name[:2]}/{folder.name}"
        raise ConfigError(message, "what a module stands on is found in its store")
    return Record.read(folder), store


@dataclass(frozen=True)
class _Trained:
    digest: str
    names: tuple[str, ...]
    """In full, and short."""
    fields: dict[str, Any]

    def __str__(self) -> str:
        method = self.fields.get("recipe", {}).get("method", {}).get("type", "").lower()
        return f"{self.digest[:12]} ({method}, seed {self.fields.get('seed')})"


def _named(name: str, store: Store) -> str:
    trained = list(_trained(store))
    found = [each for each in trained if name in each.names]
    if not found:
        known = nearest(name, [known for each in trained for known in each.names])
        raise UnknownName(f"{name!r} is no module in the store {store.root}{known}")
    if len(found) > 1:
        raise UnknownName(f"{len(found)} modules are {name!r}: {', '.join(map(str, found))}", "give a digest")
    return found[0].digest


def _trained(store: Store) -> Iterator[_Trained]:
    """What was trained, by the names of its manifest; what is older goes by its digest alone."""
    for digest in store.digests():
        folder = store.folder(digest)
        if not (folder / MANIFEST).is_file():
            continue
        facts = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        fields = Record.read(folder).fields
        own, over = str(fields.get("language") or facts["trained"]), str(facts["composition"])
        yield _Trained(digest, (f"{own} {over}", own), fields)
