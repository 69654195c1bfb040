"""Make a finished stage a second time beside its result, and say whether the files are the same."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from xadapt.workflow.context import Context
from xadapt.workflow.record import NAME, Record, file_names, file_sha256
from xadapt.workflow.stage import Stage


@dataclass(frozen=True)
class Comparison:
    """Names of files, of the stored result and of the second one."""

    digest: str
    same: tuple[str, ...]
    different: tuple[str, ...]

    @property
    def identical(self) -> bool:
        return not self.different


def make_again(stage: Stage, context: Context) -> Comparison:
    """Run `stage` anew; its stored result stays as it is.

    Raises UnknownName when it was never made, IntegrityError when its files or its inputs were changed.
    """
    store = context.store
    before = Record.read(store.path(stage)).files
    # Nothing of an earlier attempt may be picked up, or this would compare a copy with itself.
    shutil.rmtree(store.progress(stage.digest), ignore_errors=True)
    store.prepare()
    with tempfile.TemporaryDirectory(dir=store.root, prefix=".again-") as scratch:
        out = Path(scratch)
        try:
            stage.run(out, context)
        finally:
            shutil.rmtree(store.progress(stage.digest), ignore_errors=True)
        after = {name: file_sha256(out / name) for name in file_names(out) if name != NAME}
    names = sorted(before.keys() | after.keys())
    same = tuple(name for name in names if before.get(name) == after.get(name))
    return Comparison(stage.digest, same, tuple(name for name in names if name not in same))
