"""A model of transformers or `adapters` as ONNX, checked in onnxruntime.

Their packages are an extra: `pip install xadapt[onnx]`.
"""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from xadapt.errors import WrongEnvironment

FILE = "model.onnx"
PACKAGES = ("onnx", "onnxruntime", "onnxscript")
OUTPUTS = {"span": ("start_logits", "end_logits"), "vector": ("last_hidden_state",)}
INPUTS = ("input_ids", "attention_mask")


def check_there() -> None:
    """Raise WrongEnvironment for a package of the extra that is missing."""
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise WrongEnvironment(f"--onnx needs {', '.join(missing)}", "pip install 'xadapt[onnx]'")


def outputs(kind: str) -> tuple[str, ...]:
    """The names of what a model of a task type gives."""
    return OUTPUTS.get(kind, ("logits",))


class _Tensors(torch.nn.Module):
    """Tensors in, tensors out, as a graph has it."""

    def __init__(self, model: Any, names: tuple[str, ...], layer: int | None) -> None:
        super().__init__()
        self.model, self.names, self.layer = model, names, layer

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
        if self.layer is not None:
            found = self.model(input_ids, attention_mask=attention_mask, output_hidden_states=True)
            return (found.hidden_states[self.layer],)
        found = self.model(input_ids, attention_mask=attention_mask)
        return tuple(found[name] for name in self.names)


def write(folder: Path, model: Any, kind: str, layer: int | None = None) -> Callable[..., Any]:
    """Write `model.onnx`; return the model as onnxruntime runs it, called as one of transformers.

    Any number of texts of any length; texts are of one type, as XLM-R and RoBERTa have them. `layer` is the
    one after which vectors are read; the last when None.
    """
    shape = (1, 2, 8) if kind == "choice" else (2, 8)
    ids = torch.full(shape, 5)
    axes = dict.fromkeys(range(len(shape)), torch.export.Dim.DYNAMIC)
    names = outputs(kind)
    before, model.config._attn_implementation = model.config._attn_implementation, "eager"
    try:
        torch.onnx.export(
            _Tensors(model, names, layer).eval(),
            (ids, torch.ones_like(ids)),
            str(folder / FILE),
            input_names=list(INPUTS),
            output_names=list(names),
            dynamic_shapes=dict.fromkeys(INPUTS, axes),
            dynamo=True,
            external_data=True,
            verbose=False,
        )
    finally:
        model.config._attn_implementation = before
    return running(folder / FILE)


def running(path: Path) -> Callable[..., Any]:
    """The model of a file, called as one of transformers is: ids and a mask in, named outputs out."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def run(ids: torch.Tensor, attention_mask: torch.Tensor) -> SimpleNamespace:
        given = dict(zip(INPUTS, (ids.numpy(), attention_mask.numpy()), strict=True))
        return SimpleNamespace(**dict(zip(names, session.run(names, given), strict=True)))

    return run
