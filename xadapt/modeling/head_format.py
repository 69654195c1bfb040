"""Heads as `adapters` keeps them, with label names in order and the pooling they read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from xadapt.errors import IntegrityError
from xadapt.modeling.formats import About, header, read_files, write_files

HEAD = ("head_config.json", "model_head.safetensors")
HEAD_TYPES = {
    "classification": "classification",
    "choice": "multiple_choice",
    "tagging": "tagging",
    "span": "question_answering",
    "mlm": "masked_lm",
}
SENTENCE_KEYS = {"dense": "1", "out": "4"}
TOKEN_KEYS = {"out": "1"}


def _head_key(kind: str, name: str) -> str:
    """Our parameter name -> the library's, which numbers the layers of a head."""
    keys = SENTENCE_KEYS if kind in ("classification", "choice") else TOKEN_KEYS if kind != "mlm" else {}
    first, _, rest = name.partition(".")
    return f"{keys.get(first, first)}.{rest}" if rest else keys.get(first, first)


def save_head(folder: Path, head: torch.nn.Module, kind: str, about: About, config: Any) -> None:
    """Write the head of task type `kind`, with its label names in order."""
    facts = header(about, config)
    facts["config"] = {
        "activation_function": "tanh",
        "dropout_prob": None,
        "head_type": HEAD_TYPES[kind],
        "label2id": {label: number for number, label in enumerate(about.labels)},
        "layers": 2 if kind in ("classification", "choice") else 1,
        "num_labels": 2 if kind == "span" else len(about.labels),
    }
    if kind in ("classification", "choice"):
        facts["config"] |= {"use_pooler": False, "bias": True}
    facts["pooling"] = about.pooling
    weights = {f"heads.{about.name}.{_head_key(kind, name)}": w for name, w in head.state_dict().items()}
    write_files(folder, HEAD, facts, weights)


def labels(folder: Path) -> tuple[str, ...]:
    """The label names of a saved head, in its order."""
    facts, _ = read_files(folder, HEAD)
    return _ordered(facts)


def _ordered(facts: Any) -> tuple[str, ...]:
    saved = facts["config"]["label2id"]
    return tuple(sorted(saved, key=saved.__getitem__))


def load_head(folder: Path, head: torch.nn.Module, kind: str, labels: Sequence[str]) -> None:
    """Copy the saved weights into `head`. Raises IntegrityError when labels or shapes are others."""
    facts, weights = read_files(folder, HEAD)
    order = _ordered(facts)
    if order != tuple(labels):
        raise IntegrityError(f"{folder}: the head's labels are {list(order)}, the task's are {list(labels)}")
    if facts["config"]["head_type"] != HEAD_TYPES[kind]:
        raise IntegrityError(f"{folder}: a {facts['config']['head_type']} head, needed is {HEAD_TYPES[kind]}")
    start = f"heads.{facts['name']}."
    try:
        head.load_state_dict({name: weights[start + _head_key(kind, name)] for name in head.state_dict()})
    except (KeyError, RuntimeError) as error:
        raise IntegrityError(f"{folder}: the head does not fit ({str(error).splitlines()[0]})") from error
