"""The head of a card, as the hub reads it (https://huggingface.co/docs/hub/model-cards)."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from xadapt.hub import licences
from xadapt.hub.carried import MISSING, Rows, Scored
from xadapt.hub.facts import Base
from xadapt.workflow.record import Record

PIPELINES = {
    "classification": "text-classification",
    "choice": "multiple-choice",
    "tagging": "token-classification",
    "span": "question-answering",
    "mlm": "fill-mask",
    "retrieval": "sentence-similarity",
    "mining": "sentence-similarity",
    "ranking": "sentence-similarity",
}
"""Task type -> the hub's name of it."""
VECTORS = "feature-extraction"
"""Of a module of several types, or of none."""
LIBRARIES = {
    "adapter.safetensors": "adapter-transformers",
    "model_adapter_fusion.safetensors": "adapter-transformers",
    "adapter_model.safetensors": "peft",
    "model.safetensors": "transformers",
}
"""File of weights -> the hub's name of the library that loads it."""
LICENSES = {
    "Apache-2.0": "apache-2.0",
    "MIT": "mit",
    "CC BY 4.0": "cc-by-4.0",
    "CC BY-SA 3.0": "cc-by-sa-3.0",
    "CC BY-SA 4.0": "cc-by-sa-4.0",
    "CC BY-NC 4.0": "cc-by-nc-4.0",
}
"""As the tasks say it -> the hub's identifier; what is not here is `other`."""


def library(record: Record) -> str:
    """Which library loads a module; xadapt alone for what no other computes."""
    found = (name for file, name in LIBRARIES.items() if file in record.files)
    return next(found, "xadapt")


def licence(data: Sequence[Rows], given: str) -> dict[str, str]:
    """That of the module as `given`, else that of its data where they have one and the same.

    Raises ConfigError for one that the hub does not know.
    """
    names = list(dict.fromkeys(each.license for each in data))
    if given:
        return {"license": licences.checked(given)}
    if MISSING in names:
        tasks = dict.fromkeys(each.task for each in data if each.license == MISSING)
        return {"license": f"{MISSING}: that of the data of {', '.join(tasks)}"}
    if len(names) == 1 and names[0] in LICENSES:
        return {"license": LICENSES[names[0]]}
    return {"license": "other", "license_name": "that-of-the-training-data", "license_link": "README.md"}


def metadata(
    name: str,
    record: Record,
    ground: Base,
    types: Sequence[str],
    data: Sequence[Rows],
    scores: Sequence[Scored],
    license: str,
) -> dict[str, Any]:
    """Everything between the dashes, in a fixed order."""
    relation = "finetune" if library(record) == "transformers" else "adapter"
    base = {"base_model": ground.name, "base_model_relation": relation} if ground.on_hub else {}
    datasets = sorted({each.dataset for each in data if each.dataset})
    metrics = sorted({each.metric for each in scores})
    return {
        **base,
        **({"datasets": datasets} if datasets else {}),
        "language": [str(record.fields.get("language") or "en")],
        "library_name": library(record),
        **licence(data, license),
        **({"metrics": metrics} if metrics else {}),
        "pipeline_tag": PIPELINES[types[0]] if len(types) == 1 else VECTORS,
        "tags": sorted({library(record), "cross-lingual-transfer", "xadapt"}),
        **({"model-index": [{"name": name, "results": _results(scores)}]} if scores else {}),
    }


def _results(scores: Sequence[Scored]) -> list[dict[str, Any]]:
    """One for each score, with the revision of its test data."""
    count = Counter(map(_test, scores))
    return [
        {
            "task": {"type": PIPELINES[each.type]},
            "dataset": _dataset(each, alone=count[_test(each)] == 1),
            "metrics": [{"type": each.metric, "value": each.value, "name": f"{each.metric} {each.language}"}],
        }
        for each in scores
    ]


def _test(score: Scored) -> str:
    return ", ".join(filter(None, (f"{score.task} {score.language}", score.test)))


def _dataset(score: Scored, alone: bool) -> dict[str, str]:
    """`alone`: no other one has this name."""
    rows = score.rows
    known = {"config": rows.config, "split": rows.split, "revision": rows.revision}
    return {
        "name": _test(score) if alone else f"{_test(score)}, data {score.data[:12]}",
        "type": rows.dataset or score.task,
        **{name: value for name, value in known.items() if value},
    }
