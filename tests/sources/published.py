"""A few repositories for the hub on this machine, and the surroundings of a process that talks to it."""

import gzip
import io
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from tests.sources.hub_server import Hub
from xadapt import toyworld

GLUE, XNLI, MODEL = "datasets/nyu-mll/glue", "datasets/facebook/xnli", "models/toy/encoder"
OTHER_ORDER = ["contradiction", "neutral", "entailment"]
"""Of the classes of MNLI here, so that only names can be right."""
EXPERIMENT = """
[model]
name = "toy/encoder"
[data]
world = "hub"
languages = ["en", "de"]
[recipe.a]
method = { name = "bottleneck", reduction_factor = 8 }
steps = 2
batch = 4
max_length = 32
[target]
tasks = ["xnli"]
"""
GLUE_CARD = """---
configs:
- config_name: mnli
  data_files:
  - split: train
    path: mnli/train-*
  - split: validation_matched
    path: mnli/validation_matched-*
---
"""
XNLI_CARD = """---
configs:
- config_name: en
  data_files: [{split: test, path: en/test.jsonl.gz}]
- config_name: de
  data_files: [{split: test, path: de/test.csv}]
dataset_info:
- config_name: en
  features: &features
  - {name: premise, dtype: string}
  - {name: hypothesis, dtype: string}
  - {name: label, dtype: {class_label: {names: {'0': contradiction, '1': neutral, '2': entailment}}}}
- config_name: de
  features: *features
---
"""


def mnli(split: str, count: int) -> list[dict[str, Any]]:
    """Rows of the toy world, the label a number in `OTHER_ORDER`."""
    rows = [dict(row) for row in toyworld.rows("mnli", "en", split, count)]
    return [{**row, "label": OTHER_ORDER.index(_name(row["label"]))} for row in rows]


def _name(label: Any) -> str:
    return label if isinstance(label, str) else ("entailment", "neutral", "contradiction")[label]


def parquet_bytes(rows: list[dict[str, Any]], names: list[str]) -> bytes:
    """With the class names in the metadata, as `datasets` writes them."""
    features = {"label": {"names": names, "_type": "ClassLabel"}}
    table = pa.Table.from_pylist(rows).replace_schema_metadata(
        {"huggingface": json.dumps({"info": {"features": features}})}
    )
    made = io.BytesIO()
    parquet.write_table(table, made)
    return made.getvalue()


def example() -> Hub:
    """What `EXPERIMENT` reads: parquet in two shards, gzipped JSON lines, a table, and the toy encoder."""
    rows = mnli("train", 40)
    hub = Hub()
    hub.publish(
        GLUE,
        {
            "README.md": GLUE_CARD.encode(),
            "mnli/train-00000-of-00002.parquet": parquet_bytes(rows[:30], OTHER_ORDER),
            "mnli/train-00001-of-00002.parquet": parquet_bytes(rows[30:], OTHER_ORDER),
            "mnli/validation_matched-00000-of-00001.parquet": parquet_bytes(rows[:8], OTHER_ORDER),
        },
    )
    test = mnli("validation", 12)
    lines = "".join(json.dumps(row) + "\n" for row in test).encode()
    columns = ("premise", "hypothesis", "label")
    table = "\n".join([",".join(columns), *(",".join(str(row[name]) for name in columns) for row in test)])
    hub.publish(
        XNLI,
        {
            "README.md": XNLI_CARD.encode(),
            "en/test.jsonl.gz": gzip.compress(lines, mtime=0),
            "de/test.csv": f"{table}\n".encode(),
        },
    )
    folder = files("xadapt.toyworld") / "encoder"
    encoder = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "record.json"}
    hub.publish(MODEL, {**encoder, "pytorch_model.bin": b"never fetched", "onnx/model.onnx": b"nor this"})
    return hub


def surroundings(address: str, home: Path) -> dict[str, str]:
    """Environment of a process whose hub is at `address` and whose cache is below `home`."""
    return {
        "HF_ENDPOINT": address,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_XET": "1",
        "NO_PROXY": "127.0.0.1",
    }


def without_network(folder: Path) -> dict[str, str]:
    """Environment of a process in which opening any connection is an error that names it."""
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(
        "import socket\n"
        "def refuse(self, address, *rest):\n"
        "    raise AssertionError(f'a connection to {address}')\n"
        "socket.socket.connect = socket.socket.connect_ex = refuse\n"
        "socket.create_connection = socket.getaddrinfo = refuse\n"
    )
    return {"PYTHONPATH": str(folder)}
