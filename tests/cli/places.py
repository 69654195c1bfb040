"""A folder with an experiment, and a hub on this machine that its commands ask."""

import subprocess
from pathlib import Path

from tests.sources.hub_server import Hub
from tests.sources.published import EXPERIMENT, surroundings, without_network
from xadapt.sources import lock

from .calls import xadapt

SHARD = "mnli/train-00001-of-00002.parquet"


class Place:
    """A folder with an experiment, and a hub that its commands ask."""

    def __init__(self, folder: Path, hub: Hub, address: str) -> None:
        self.folder, self.hub = folder, hub
        self.experiment = folder / "e.toml"
        self.experiment.write_text(EXPERIMENT)
        self.env = surroundings(address, folder / "hf")
        self.offline = self.env | without_network(folder / "blocked")

    def run(self, *words: str, offline: bool = False) -> subprocess.CompletedProcess[str]:
        command, *rest = words
        return xadapt(command, str(self.experiment), *rest, **(self.offline if offline else self.env))

    def lock(self) -> lock.Lock:
        return lock.read(self.folder / "e.lock")

    def cached(self, name: str) -> Path:
        (found,) = (self.folder / "hf" / "hub").glob(f"*/snapshots/*/{name}")
        return found
