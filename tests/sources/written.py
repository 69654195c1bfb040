"""Rows written in each format that can be read."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet


def write_parquet(path: Path, rows: Sequence[Any], features: Any = None, group: int | None = None) -> Path:
    table = pa.Table.from_pylist(list(rows))
    if features is not None:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    parquet.write_table(table, path, row_group_size=group)
    return path


def write_rows(folder: Path, name: str, suffix: str, rows: Sequence[dict[str, Any]]) -> Path:
    path = folder / f"{name}{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    if suffix == ".parquet":
        return write_parquet(path, rows)
    if suffix.startswith(".jsonl"):
        lines = [json.dumps(row) for row in rows]
    elif suffix.startswith(".csv"):
        lines = [",".join(rows[0]), *(",".join(_cell(v) for v in row.values()) for row in rows)]
    else:
        lines = ["\t".join(rows[0]), *("\t".join(map(str, row.values())) for row in rows)]
    text = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(text) if suffix.endswith(".gz") else text)
    return path


def _cell(value: object) -> str:
    return '"' + str(value).replace('"', '""') + '"'
