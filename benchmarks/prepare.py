"""Peak memory and time of preparing a large source: ANLI+ at its true size, in the layout of a data folder.

    python benchmarks/prepare.py [--rows 1105719] [--format .parquet] [--limit 10000] [--tokens] [--write]

SNLI, MNLI and ANLI are made up, with the columns, proportions and lengths of the real ones, then read,
checked and written by the real Data stage in a process of its own, whose memory alone counts. `--tokens` then
has the toy world's tokenizer encode them, each way in a process of its own: `listed` as a list in memory,
`made` as kept files, `opened` from these. Prints JSON; `--write` also keeps it as
results/prepare_<processor>_<yyyymm>.json.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

LAYOUTS = {
    "snli": (550_152, 14, 8, {}),
    "mnli": (392_702, 20, 10, {"pairID": 1, "genre": 1}),
    "anli": (162_865, 54, 10, {"uid": 4, "reason": 20}),
}
"""Data set -> rows, words of a premise and of a hypothesis, words of the columns that no task reads."""
ROWS = sum(rows for rows, *_ in LAYOUTS.values())
WAYS = ("listed", "made", "opened")
AT_ONCE = 100_000
"""Rows of a row group of parquet, as many as published files have."""


def rows(dataset: str, count: int) -> Iterator[dict[str, Any]]:
    """`count` rows in the columns of `dataset`; one of 700 has no label, as in SNLI."""
    _, premise, hypothesis, others = LAYOUTS[dataset]
    rng = Random(dataset)
    vocabulary = ["".join(rng.choices("aeiounrstlmdkgpb", k=rng.randint(1, 9))) for _ in range(20_000)]
    text = rng.choices(vocabulary, k=200_000)

    def words(mean: int) -> str:
        start = rng.randrange(len(text) - 2 * mean)
        return " ".join(text[start : start + rng.randint(1, 2 * mean - 1)])

    for number in range(count):
        label = -1 if number % 700 == 699 else rng.randrange(3)
        pair = {"premise": words(premise), "hypothesis": words(hypothesis), "label": label}
        yield {**pair, **{name: words(mean) for name, mean in others.items()}}


def make(folder: Path, total: int, suffix: str) -> None:
    """Write the three training sets, `total` rows together, in their true proportions."""
    for dataset, (share, *_) in LAYOUTS.items():
        path = folder / dataset / "en" / f"train{suffix}"
        path.parent.mkdir(parents=True)
        found = rows(dataset, max(1, total * share // ROWS))
        if suffix == ".parquet":
            _write_parquet(path, found)
        else:
            with path.open("w", encoding="utf-8") as file:
                file.writelines(json.dumps(row) + "\n" for row in found)


def _write_parquet(path: Path, found: Iterator[dict[str, Any]]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    writer = None
    while batch := [row for _, row in zip(range(AT_ONCE), found, strict=False)]:
        table = pa.Table.from_pylist(batch)
        writer = writer or parquet.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer is not None, "every data set has a row"
    writer.close()


def prepare(folder: Path, store: Path, limit: int | None) -> dict[str, Any]:
    """Run the stage in this process; its counts, seconds and bytes."""
    from xadapt.workflow.context import Context
    from xadapt.workflow.execute import run
    from xadapt.workflow.plan import Plan
    from xadapt.workflow.store import Store

    stage, context = staged(folder, limit), Context(Store(store), folder)
    started = time.perf_counter()
    for outcome in run(Plan.of([stage]), context, workers=1, together=1):
        if outcome.error:
            raise outcome.error
    seconds = time.perf_counter() - started
    notes = context.store.record(stage.digest).notes
    size = {"bytes_read": sum(path.stat().st_size for path in folder.rglob("train.*"))}
    speed = {"seconds": round(seconds, 2), "rows_per_second": round(notes["read"] / seconds)}
    return {**notes, **size, **speed, "peak_bytes": peak_bytes()}


def staged(folder: Path, limit: int | None) -> Any:
    """The Data stage of all three."""
    from xadapt.sources import origins
    from xadapt.stages.data import Data
    from xadapt.task import sources
    from xadapt.tasks import task

    what = task("anli_plus")
    found = origins(sources(what.train), "folder", folder, None)
    return Data(task=what.name, task_version=what.version, rows=found, limit=limit)


def tokens(folder: Path, store: Path, limit: int | None, way: str) -> dict[str, Any]:
    """The items of the prepared stage, made in one way, and a batch of them; its seconds of CPU and bytes."""
    from xadapt.modeling import pretrained
    from xadapt.recipe import ModelSpec, Recipe
    from xadapt.sources import local_model
    from xadapt.task_types import classification, flat
    from xadapt.tasks import task
    from xadapt.training.restore import read
    from xadapt.training.tokens import encoded
    from xadapt.workflow.context import Context
    from xadapt.workflow.store import Store

    stage, context, labels = staged(folder, limit), Context(Store(store), folder), task("anli_plus").labels
    home = Path(pretrained.__file__).parents[1] / "toyworld" / "encoder"
    model = ModelSpec(name="toyworld", revision=local_model.content(home))
    tokenizer, recipe = pretrained.tokenizer(*pretrained.location(model)), Recipe()
    before, started = peak_bytes(), time.process_time()
    if way == "listed":
        items: Any = classification.encode(read(stage, context), tokenizer, recipe, labels)
    else:
        items = encoded(stage, stage.task, labels, tokenizer, recipe, context).items
    sizes = flat.sizes(items)
    lines = [items[index] for index in range(0, len(items), max(1, len(items) // 32))]
    classification.lay_out(lines)
    seconds = time.process_time() - started
    return {
        "cpu_seconds": round(seconds, 2),
        "tokens": sum(sizes),
        "more_bytes": peak_bytes() - before,
    }


def peak_bytes() -> int:
    """The most memory that this process has held."""
    status = Path("/proc/self/status")
    if status.exists():
        # `getrusage` counts what the parent held when it started this process.
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--format", default=".jsonl", choices=[".jsonl", ".parquet"])
    parser.add_argument("--limit", type=int)
    parser.add_argument("--tokens", action="store_true", help="also encode them")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--prepare", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.prepare:
        given = asked.prepare / "data", asked.prepare / "store", asked.limit
        print(json.dumps(tokens(*given, asked.way) if asked.way else prepare(*given)))
        return
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder) / "data", asked.rows, asked.format)
        words = [sys.executable, __file__, "--prepare", folder]
        words += ["--limit", str(asked.limit)] if asked.limit else []
        facts = {"format": asked.format, **_alone(words)}
        if asked.tokens:
            facts["encoding"] = {way: _alone([*words, "--way", way]) for way in WAYS}
    print(json.dumps(facts, indent=2))
    if asked.write:
        _keep(facts)


def _alone(words: list[str]) -> dict[str, Any]:
    """What a process of its own says."""
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE)
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


def _keep(facts: dict[str, Any]) -> None:
    now = datetime.now(UTC)
    machine = {"processor": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()}
    path = Path(__file__).parent / "results" / f"prepare_{platform.machine()}_{now:%Y%m}.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known |= {facts["format"].removeprefix("."): facts | machine | {"date": f"{now:%Y-%m}"}}
    path.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
