"""Heads as `adapters` 1.3.0 keeps them, with label names in order and the pooling they read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from xadapt.errors import IntegrityError
from xadapt.modeling.folders import (
    About,
    field,
    header,
    is_name,
    is_table,
    read_facts,
    read_weights,
    write_files,
)

FILES = ("head_config.json", "model_head.safetensors")
TYPES = {
    "classification": "classification",
    "choice": "multiple_choice",
    "tagging": "tagging",
    "span": "question_answering",
    "mlm": "masked_lm",
    # The library has no dual encoder: it loads such a folder with `with_head=False`.
    "ranking": "dual_encoder",
}
SENTENCE_KEYS = {"dense": "1", "out": "4"}
KEYS = {
    "classification": SENTENCE_KEYS,
    "choice": SENTENCE_KEYS,
    "tagging": {"out": "1"},
    "span": {"out": "1"},
    # The decoder "3" is tied to the word embeddings: only its bias is kept.
    "mlm": {"dense": "0", "norm": "2", "bias": "3.bias"},
    "ranking": {"scale": "scale"},
}
"""Per task type our layer -> the library's, which numbers the layers of a head."""


def _key(kind: str, about: str, name: str) -> str:
    """Our parameter name -> the library's."""
    first, _, rest = name.partition(".")
    return ".".join(filter(None, ("heads", about, KEYS[kind][first], rest)))


def _settings(kind: str, about: About, config: Any) -> dict[str, Any]:
    """What the library's class of this head takes, and nothing that it refuses."""
    shared: dict[str, Any] = {"head_type": TYPES[kind]}
    if kind == "ranking":
        return shared
    if kind == "mlm":
        return shared | {
            "activation_function": "gelu",
            "bias": True,
            "embedding_size": config.hidden_size,
            "label2id": None,
            "layer_norm": True,
            "layers": 2,
            "shift_labels": False,
            "vocab_size": config.vocab_size,
        }
    shared |= {
        "activation_function": "tanh",
        "dropout_prob": None,
        "label2id": {label: number for number, label in enumerate(about.labels)},
    }
    if kind == "choice":
        return shared | {"layers": 2, "num_choices": about.choices, "use_pooler": False}
    if kind == "classification":
        return shared | {"bias": True, "layers": 2, "num_labels": len(about.labels), "use_pooler": False}
    return shared | {"layers": 1, "num_labels": 2 if kind == "span" else len(about.labels)}


def save_head(folder: Path, head: torch.nn.Module, kind: str, about: About, config: Any) -> None:
    """Write the head of task type `kind` so that `adapters` loads it; `pooling` is a field of ours."""
    facts = header(about, config) | {"config": _settings(kind, about, config), "pooling": about.pooling}
    weights = {_key(kind, about.name, name): weight for name, weight in head.state_dict().items()}
    write_files(folder, FILES, facts, weights)


def labels(folder: Path) -> tuple[str, ...]:
    """The label names of a saved head, in its order."""
    return _ordered(folder / FILES[0], _head_settings(folder / FILES[0], read_facts(folder / FILES[0])))


def _head_settings(place: Path, facts: dict[str, Any]) -> dict[str, Any]:
    settings: dict[str, Any] = field(place, facts, "config", is_table, "the table of a head's settings")
    return settings


def _ordered(place: Path, settings: dict[str, Any]) -> tuple[str, ...]:
    saved = settings.get("label2id") or {}
    if not isinstance(saved, dict) or sorted(map(str, saved.values())) != sorted(map(str, range(len(saved)))):
        raise IntegrityError(f"{place}: label2id = {saved!r}; supported are label names numbered from 0")
    return tuple(sorted(saved, key=lambda label: int(saved[label])))


def load_head(folder: Path, head: torch.nn.Module, kind: str, labels: Sequence[str]) -> None:
    """Copy the saved weights into `head`. Raises IntegrityError when type, labels or shapes are others."""
    place = folder / FILES[0]
    facts = read_facts(place)
    settings = _head_settings(place, facts)
    if settings.get("head_type") != TYPES[kind]:
        raise IntegrityError(f"{place}: head_type = {settings.get('head_type')!r}, needed is {TYPES[kind]!r}")
    order = _ordered(place, settings)
    # The names that transformers gives where there are none.
    unnamed = not labels and order == tuple(f"LABEL_{number}" for number in range(len(order)))
    if order != tuple(labels) and not unnamed:
        raise IntegrityError(f"{place}: the head's labels are {list(order)}, the task's are {list(labels)}")
    name = field(place, facts, "name", is_name, "the name of the head")
    needed = {_key(kind, name, ours): (ours, weight) for ours, weight in head.state_dict().items()}
    found = read_weights(folder / FILES[1])
    for theirs, (_, weight) in needed.items():
        shape = list(found[theirs].shape) if theirs in found else "missing"
        if shape != list(weight.shape):
            raise IntegrityError(
                f"{folder / FILES[1]}: weight {theirs!r} is {shape}, needed is {list(weight.shape)}"
            )
    head.load_state_dict({ours: found[theirs] for theirs, (ours, _) in needed.items()})
