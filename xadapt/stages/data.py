"""Data: read the rows of one source, check them, write them as plain examples."""

from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xadapt.workflow.context import Context
from xadapt.workflow.stage import Stage


@dataclass(frozen=True, kw_only=True)
class Hub:
    """One split of a hub dataset at one revision."""

    path: str
    revision: str
    config: str
    split: str


@dataclass(frozen=True, kw_only=True)
class Folder:
    """One local file by name and content; the folder itself is a flag, so it is not here."""

    name: str
    """`<dataset>/<config>/<split>`, without `.jsonl`."""
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Toy:
    """Rows of the embedded toy world."""

    dataset: str
    config: str
    split: str
    size: int
    version: int


@dataclass(frozen=True, kw_only=True)
class Data(Stage):
    """Writes `examples.jsonl`; its record's notes say how many rows were read, kept and dropped, and why."""

    task: str
    task_version: int
    rows: Hub | Folder | Toy
    limit: int | None = None
    """Keep this many rows, chosen by a fixed shuffle, so that smaller limits are subsets of larger ones."""

    def title(self) -> str:
        return f"data {self.task}"

    def companions(self) -> Hashable | None:
        return None

    def run(self, out: Path, context: Context) -> dict[str, Any]:
        raise NotImplementedError
