"""A model in a local folder, known by the content of every file that decides what it computes."""

from functools import cache
from pathlib import Path

from xadapt.errors import DataError
from xadapt.workflow.digest import digest_of
from xadapt.workflow.record import file_sha256

WEIGHTS = "model.safetensors"
FILES = (
    WEIGHTS,
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "*.model",
    "vocab.*",
    "merges.txt",
)
"""Patterns of what is loaded: the weights, their architecture, and the tokenizer in any of its forms."""


def content(folder: Path) -> str:
    """SHA-256 over names and contents, wherever the folder lies. Raises DataError for one without a model."""
    for name in (WEIGHTS, "config.json"):
        if not (folder / name).is_file():
            raise DataError(f"{folder / name}: no such file", "a local model is a folder that holds it")
    found = {path for pattern in FILES for path in folder.glob(pattern) if path.is_file()}
    return digest_of({path.name: _sha256(path) for path in found})


def _sha256(path: Path) -> str:
    facts = path.stat()
    return _once(path.absolute(), facts.st_size, facts.st_mtime_ns)


@cache
def _once(path: Path, size: int, modified: int) -> str:
    """Large weights are read once per process, unless their size or time says that they have changed."""
    return file_sha256(path)
