"""What a user names, a folder, a digest or what was trained -> the record of that stage, and its store."""

from pathlib import Path

from xadapt.errors import ConfigError
from xadapt.hub.modules import Shelf
from xadapt.workflow import record as records
from xadapt.workflow.record import Record
from xadapt.workflow.store import Store

STORE = Path("runs")
"""Where results are kept when nothing else is said."""


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
    return Shelf(kept).stage(str(module)), kept


def _of_folder(folder: Path) -> tuple[Record, Store]:
    store = Store(folder.parent.parent)
    if store.folder(folder.name) != folder:
        message = f"{folder}: lies in no store, where it would be {folder.name[:2]}/{folder.name}"
        raise ConfigError(message, "what a module stands on is found in its store")
    return Record.read(folder), store
