"""The experiments a store was filled for, kept in it: what explains a number after its file has changed.

`.experiments/<8 hex>/`, a folder for each content and plan, holds `<name>.toml`, the experiment with every
default and setting filled in, its lock, `stages.txt`, the digests of its plan, and `where.json`, the folders
it was run with.
"""

import hashlib
import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from xadapt import toml
from xadapt.experiment import Experiment, resolved
from xadapt.sources import lock as locks
from xadapt.workflow.disk import writable
from xadapt.workflow.plan import Plan
from xadapt.workflow.store import Store, write_atomically

FOLDER = ".experiments"


@dataclass(frozen=True)
class Kept:
    """One experiment as it was run."""

    path: Path
    """The file, by which it can be run again."""
    data: str | None
    """The folder of local datasets, where it had one."""

    def command(self, digest: str, store: Path) -> str:
        """The command that makes one of its stages again."""
        data = ["--data", self.data] if self.data else []
        words = ["xadapt", "run", str(self.path), "--store", str(store), *data]
        return shlex.join([*words, "--only", digest[:12], "--again"])


def keep(asked: Experiment, name: str, plan: Plan, store: Store) -> Path:
    """Write the experiment into the store; return its file.

    Once per content and plan: the same text has other digests once its data or a version has changed, and
    the numbers that it gave before stay explained. Raises DiskFull or Unwritable.
    """
    text = toml.write(resolved(asked))
    lock = "" if asked.lock == locks.Lock() else locks.text(asked.lock)
    data = str(asked.data_folder.absolute()) if asked.data_folder else None
    return adopt(text, lock, [stage.digest for stage in plan.stages], store, Path(name).stem, data)


def adopt(
    text: str,
    lock: str,
    digests: Sequence[str],
    store: Store,
    name: str = "experiment",
    data: str | None = None,
) -> Path:
    """Keep an experiment by its text, that of its lock, and the digests of its plan; return its file."""
    stages = "".join(f"{digest}\n" for digest in digests)
    folder = store.root / FOLDER / hashlib.sha256((text + lock + stages).encode()).hexdigest()[:8]
    path = folder / f"{name}.toml"
    with writable(store.root):
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)
        if lock:
            write_atomically(path.with_suffix(".lock"), lock)
        write_atomically(folder / "stages.txt", stages)
        write_atomically(folder / "where.json", json.dumps({"data": data}) + "\n")
    return path


def find(digest: str, store: Store) -> Kept | None:
    """An experiment whose plan holds `digest`: the smallest, since it says most about the number."""
    found = []
    for stages in store.root.glob(f"{FOLDER}/*/stages.txt"):
        digests = stages.read_text(encoding="utf-8", errors="replace").split()
        files = sorted(stages.parent.glob("*.toml"))
        if digest in digests and files:
            found.append((len(digests), files[0]))
    if not found:
        return None
    path = min(found)[1]
    try:
        data = json.loads((path.parent / "where.json").read_text(encoding="utf-8"))["data"]
    except (OSError, ValueError, KeyError, TypeError):
        data = None
    return Kept(path, data)
