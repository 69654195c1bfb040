"""Make a finished stage a second time beside its result, and say whether the files are the same."""

import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from xadapt.workflow.context import Context
from xadapt.workflow.record import NAME, Record, file_names, file_sha256
from xadapt.workflow.stage import Stage
from xadapt.workflow.store import Store


@dataclass(frozen=True)
class Comparison:
    """Names of files, of the stored result and of the second one."""

    digest: str
    same: tuple[str, ...]
    different: tuple[str, ...]

    @property
    def identical(self) -> bool:
        return not self.different


def make_again(stage: Stage, context: Context, among: Iterable[Stage] = ()) -> Comparison:
    """Run `stage` anew, beside the companions it had, if they are `among` these; what is stored stays.

    Sums over companions side by side are ordered in another way than alone, so their last bits differ.
    Raises UnknownName when it was never made, IntegrityError when its files or its inputs were changed.
    """
    store = context.store
    record = Record.read(store.path(stage))
    together = set(record.notes.get("together", ())) | {stage.digest}
    group = [other for other in among if other.digest in together] or [stage]
    # Nothing of an earlier attempt may be picked up, or this would compare a copy with itself.
    _forget(group, store)
    store.prepare()
    with tempfile.TemporaryDirectory(dir=store.root, prefix=".again-") as scratch:
        outs = [Path(scratch) / other.digest for other in group]
        for out in outs:
            out.mkdir()
        try:
            type(stage).run_together(group, outs, context)
        finally:
            _forget(group, store)
        out = outs[group.index(stage)]
        before, after = record.files, {n: file_sha256(out / n) for n in file_names(out) if n != NAME}
    names = sorted(before.keys() | after.keys())
    same = tuple(name for name in names if before.get(name) == after.get(name))
    return Comparison(stage.digest, same, tuple(name for name in names if name not in same))


def _forget(group: list[Stage], store: Store) -> None:
    for stage in group:
        shutil.rmtree(store.progress(stage.digest), ignore_errors=True)
