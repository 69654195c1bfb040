"""A module as a model that other libraries load, checked to answer as the module before it has its name."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import transformers

from xadapt import __version__
from xadapt.errors import ConfigError
from xadapt.serving import bare, onnx_form, setup
from xadapt.serving.check import difference
from xadapt.serving.fold import unfoldable
from xadapt.serving.loaded import Loaded
from xadapt.serving.stock import SENTENCES, auto_class, with_head
from xadapt.training.answering import Answering
from xadapt.training.restore import place

FACTS = "xadapt_export.json"
Form = Literal["auto", "plain", "adapters"]


@dataclass(frozen=True)
class Exported:
    """What was written, as `xadapt_export.json` in the folder says it."""

    form: str
    """`plain`, or `adapters` for the base model with folders of that library."""
    why: str
    """Why it is not plain; empty where it is."""
    loads: str
    """The Python that loads it."""
    module: str
    digest: str
    task: str
    type: str
    labels: list[str]
    max_length: int
    pooling: str
    layer: int | None
    language: str
    difference: float
    """The largest of any output to that of the module, on random tokens."""
    onnx: float | None
    """The same of `model.onnx` in onnxruntime."""
    xadapt: str = __version__


def export(
    loaded: Loaded, folder: Path, form: Form = "auto", language: str | None = None, onnx: bool = False
) -> Exported:
    """Write `folder`, new or empty. Raises ConfigError, with the reason, where a form cannot hold the module.

    Of a module on language adapters `language` says which one is below it.
    """
    if onnx:
        onnx_form.check_there()
    code = loaded.code(language)
    _check_head(loaded)
    answering = loaded.answering(code)
    slot = answering.assembled.slots[0]
    if no := bare.refusal(loaded, slot):
        raise ConfigError(f"{loaded.asked.title}: {no}", "`xadapt predict` and xadapt.load run it")
    why = unfoldable(slot) or ""
    if why and form == "plain":
        raise ConfigError(
            f"{loaded.asked.title} has no plain form: {why}", "--form adapters has a place for it"
        )
    plain = form != "adapters" and not why
    if not plain and (no := setup.unloadable(slot)):
        reason = f"{why}, and {no}" if why else no
        raise ConfigError(f"{loaded.asked.title}: {reason}", "`xadapt predict` and xadapt.load run it")
    with _whole(folder) as part:
        again = (
            _write_plain(part, answering, loaded) if plain else _write_setup(part, answering, loaded, code)
        )
        kind, layer = _kind(loaded), None if plain else loaded.asked.layer
        differs, in_onnx = difference(kind, answering, again, layer), None
        if onnx:
            in_onnx = difference(kind, answering, onnx_form.write(part, again, kind, layer))
        exported = _facts(loaded, answering, code, why, plain, differs, in_onnx)
        (part / FACTS).write_text(json.dumps(asdict(exported), indent=2, ensure_ascii=False) + "\n")
    return exported


def _check_head(loaded: Loaded) -> None:
    """Raise ConfigError for what neither form holds exactly."""
    asked, pooling = loaded.asked, loaded.recipe.pooling
    if asked.kind in SENTENCES and pooling != "first":
        raise ConfigError(
            f"{asked.title}: its head reads pooling = {pooling!r}, the heads of transformers and `adapters` "
            "read the first token alone",
            'train it with pooling = "first", or use it by `xadapt predict` and xadapt.load',
        )


def _write_plain(part: Path, answering: Answering, loaded: Loaded) -> Any:
    """The model as transformers loads it from what was written."""
    kind = _kind(loaded)
    with_head(bare.merged(answering, loaded), kind, answering.head, answering.labels).save_pretrained(
        str(part)
    )
    _save_tokenizer(part, loaded)
    return getattr(transformers, _class(loaded)).from_pretrained(str(part)).eval()


def _write_setup(part: Path, answering: Answering, loaded: Loaded, language: str) -> Any:
    """The same by `adapters`."""
    import adapters

    bare.without(loaded).save_pretrained(str(part))
    _save_tokenizer(part, loaded)
    setup.write(part, answering, loaded.asked, language)
    again = adapters.AutoAdapterModel.from_pretrained(str(part))
    again.load_adapter_setup(str(part), set_active=True, use_safetensors=True)
    return again.eval()


def _class(loaded: Loaded) -> str:
    """The class of transformers that loads a plain model."""
    if loaded.ground.engine == "library":
        return loaded.ground.family.model_class
    return auto_class(_kind(loaded))


def _save_tokenizer(part: Path, loaded: Loaded) -> None:
    """With the length that the module was trained on; choices are cut at their start."""
    found = place(loaded.asked.model, loaded.context)
    name, revision = found.model
    tokenizer = transformers.AutoTokenizer.from_pretrained(name, revision=revision, use_fast=True)
    tokenizer.model_max_length = loaded.recipe.max_length
    tokenizer.truncation_side = "left" if loaded.asked.kind == "choice" else "right"
    tokenizer.save_pretrained(str(part))


def _kind(loaded: Loaded) -> str:
    return "vector" if loaded.asked.vectors else loaded.asked.kind


def _facts(
    loaded: Loaded,
    answering: Answering,
    language: str,
    why: str,
    plain: bool,
    differs: float,
    onnx: float | None,
) -> Exported:
    asked, recipe = loaded.asked, loaded.recipe
    stock = f"{_class(loaded)}.from_pretrained(FOLDER)"
    library = (
        "model = AutoAdapterModel.from_pretrained(FOLDER); "
        "model.load_adapter_setup(FOLDER, set_active=True, use_safetensors=True)"
    )
    return Exported(
        form="plain" if plain else "adapters",
        why="" if plain else why,
        loads=stock if plain else library,
        module=asked.title,
        digest=getattr(asked.module, "digest", ""),
        task=str(asked.task),
        type=asked.kind,
        labels=list(answering.labels),
        max_length=recipe.max_length,
        pooling=recipe.pooling,
        layer=asked.layer,
        language=language,
        difference=differs,
        onnx=onnx,
    )


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """A scratch folder that gets the name of `folder` when the block ends well."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"--output {folder}: is there already", "choose a new or an empty folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        yield scratch
        # A temporary folder is for its owner alone; a result is as other files are.
        scratch.chmod(0o777 & ~_umask())
        scratch.replace(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
