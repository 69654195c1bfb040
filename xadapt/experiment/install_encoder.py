"""Put the pretrained encoder, with its record, into the package: the last step of `make toyworld`."""

import argparse
import shutil
from importlib.resources import files
from pathlib import Path

from xadapt.experiment.file import load
from xadapt.stages.encoder import Encoder
from xadapt.workflow.record import NAME
from xadapt.workflow.stage import Stage
from xadapt.workflow.store import Store

HOME = Path(str(files("xadapt.toyworld") / "encoder"))
UNUSED = ("curve.json",)


def encoder() -> Encoder:
    """The one that the shipped experiment makes."""
    base = load("toyworld_encoder").base
    if not isinstance(base, Encoder):
        raise TypeError("configs/toyworld_encoder.toml has no [encoder]")
    return base


def install(stage: Stage, store: Store, home: Path) -> None:
    """Replace `home` by the files of `stage`.

    Raises UnknownName where the store lacks it, IntegrityError when its files were changed.
    """
    folder = store.path(stage)
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    for path in sorted(folder.iterdir()):
        if path.name not in UNUSED:
            shutil.copyfile(path, home / path.name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, required=True)
    made = encoder()
    install(made, Store(parser.parse_args().store), HOME)
    print(f"installed encoder {made.digest[:12]}, {NAME} beside it")
