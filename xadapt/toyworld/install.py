"""Put a pretrained encoder, with its record, into the package: the last step of `make toyworld`."""

import argparse
import shutil
from pathlib import Path

from xadapt.errors import UnknownName
from xadapt.workflow.record import NAME
from xadapt.workflow.store import Store

HOME = Path(__file__).parent / "encoder"
UNUSED = ("curve.json",)


def install(store: Store) -> str:
    """Copy the one encoder of `store` into the package; return its digest.

    Raises UnknownName unless the store holds exactly one, IntegrityError when its files were changed.
    """
    found = [digest for digest in store.digests() if store.record(digest).kind == "encoder"]
    if len(found) != 1:
        raise UnknownName(f"{store.root} holds {len(found)} encoders, expected one")
    folder = store.folder(found[0])
    store.record(found[0]).check(folder)
    shutil.rmtree(HOME, ignore_errors=True)
    HOME.mkdir()
    for path in sorted(folder.iterdir()):
        if path.name not in UNUSED:
            shutil.copyfile(path, HOME / path.name)
    return found[0]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, required=True)
    digest = install(Store(parser.parse_args().store))
    print(f"installed encoder {digest[:12]}, {NAME} beside it")
