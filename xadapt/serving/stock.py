"""A bare model and a head of ours -> the class of transformers that computes the same."""

from collections.abc import Sequence
from typing import Any

import torch
import transformers

from xadapt.modeling.architecture import layout

CLASSES = {
    "classification": "SequenceClassification",
    "choice": "MultipleChoice",
    "tagging": "TokenClassification",
    "span": "QuestionAnswering",
}
SENTENCES = ("classification", "choice")
"""Whose stock heads read the first token."""
TOKENS = {"tagging": {"out": "classifier"}, "span": {"out": "qa_outputs"}}


def auto_class(kind: str) -> str:
    """The class of transformers that loads it."""
    return f"AutoModelFor{CLASSES[kind]}" if kind in CLASSES else "AutoModel"


def places(kind: str, model_type: str, prefix: str) -> dict[str, str]:
    """Our layer of a head -> where the stock model has it.

    XLM-R and RoBERTa classify with a dense layer, tanh and a projection on the first token, as our head
    does; elsewhere the dense layer with tanh is the pooler.
    """
    if kind in TOKENS:
        return TOKENS[kind]
    if kind == "classification" and model_type != "bert":
        return {"dense": "classifier.dense", "out": "classifier.out_proj"}
    return {"dense": f"{prefix}.pooler.dense", "out": "classifier"}


@torch.no_grad()
def with_head(bare: Any, kind: str, head: torch.nn.Module | None, labels: Sequence[str]) -> Any:
    """The stock model of a task type; `bare` itself where it answers with vectors.

    Raises ValueError for a weight of the encoder that the stock model has no place for.
    """
    if kind not in CLASSES or head is None:
        return bare.eval()
    config, found = bare.config, layout(bare.config)
    config.num_labels = (
        max(len(labels), 1) if kind not in ("span", "choice") else {"span": 2, "choice": 1}[kind]
    )
    if kind in ("classification", "tagging"):
        config.id2label, config.label2id = dict(enumerate(labels)), {name: n for n, name in enumerate(labels)}
    with torch.random.fork_rng(devices=[]):
        model = getattr(transformers, found.model.removesuffix("Model") + f"For{CLASSES[kind]}")(config)
    missing, more = getattr(model, found.prefix).load_state_dict(bare.state_dict(), strict=False)
    if more or any(not name.startswith("pooler.") for name in missing):
        raise ValueError(f"the weights of {found.model} are not those of its model with a head")
    for ours, theirs in places(kind, config.model_type, found.prefix).items():
        model.get_submodule(theirs).load_state_dict(head.get_submodule(ours).state_dict())
    return model.eval()
