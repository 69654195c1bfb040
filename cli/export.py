"""`xadapt export`"""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from .loading import load
from .options import (
    DEFAULT_STORE,
    Adapters,
    Base,
    Device,
    Json,
    Layer,
    Module,
    StorePath,
    Task,
    Vectors,
)
from .output import document, note, stdout, written

Output = Annotated[
    Path, typer.Option("--output", help="The folder to write: new, or empty.", metavar="FOLDER")
]
Form = Annotated[
    Literal["auto", "plain", "adapters"],
    typer.Option("--form", help="auto is plain where that is exact, else folders of `adapters`."),
]
Language = Annotated[
    str | None, typer.Option("--language", help="Whose language adapter is below, where there are any.")
]
Onnx = Annotated[bool, typer.Option("--onnx", help="Also model.onnx; needs the extra `xadapt[onnx]`.")]


def export(
    module: Module,
    output: Output,
    form: Form = "auto",
    onnx: Onnx = False,
    language: Language = None,
    task: Task = None,
    vectors: Vectors = False,
    layer: Layer = None,
    store: StorePath = DEFAULT_STORE,
    base: Base = None,
    adapters: Adapters = None,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Write a finished module as a model that other libraries load.

    LoRA, stacks, merges and gates of it, DoRA and full fine-tuning become a plain model for AutoModel classes
    of transformers. Bottlenecks and their fusions have no plain form: they become the base model with folders
    that AutoAdapterModel of `adapters` loads. What is written is loaded again and must answer as the module.

    **Examples**

    `xadapt export 3fa9c1d2 --output model`

    `xadapt export "xnli stack(mnli)" --output model --onnx`

    `xadapt export mnli --vectors --layer 14 --output encoder`
    """
    # In fp32, so that what is written is compared with the module and not with its rounding.
    loaded = load(module, store, task, vectors, layer, base, adapters, device, "fp32")
    from xadapt.serving.export import export as exporting

    with written(f"--output {output}", "choose another --output"):
        found = exporting(loaded, output, form, language, onnx)
    if as_json:
        document({"folder": str(output)} | asdict(found))
        return
    if found.why:
        note(f"no plain model: {found.why}; written for the library `adapters`")
    out = stdout()
    out.print(f"{output}: {found.module}, differs by at most {found.difference:.1e}", markup=False)
    if found.onnx is not None:
        out.print(f"{output}/model.onnx: differs by at most {found.onnx:.1e}", markup=False)
    for line in found.loads.replace("FOLDER", repr(str(output))).split("; "):
        out.print(f"  {line}", markup=False)
