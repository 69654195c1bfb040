"""What xadapt is compared with: models of the libraries, with the weights that a training starts from."""

import copy
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import adapters
import adapters.composition
import numpy as np
import peft
import torch
import transformers
from contenders import Training
from workload import LABELS

from xadapt.modeling import formats, head_format
from xadapt.modeling.combined import Fusion
from xadapt.modeling.encoder import Encoder
from xadapt.modeling.heads import SentenceHead
from xadapt.modeling.module import Module
from xadapt.recipe import LoRA
from xadapt.task_types.items import Item

Padding = Literal["max", "dynamic", "grouped"]
PAD = 1


@dataclass(frozen=True)
class Flags:
    """How a library is run."""

    padding: Padding = "dynamic"
    bf16: bool = False
    compile: bool = False

    def autocast(self, device: torch.device) -> AbstractContextManager[Any]:
        return torch.autocast(device.type, torch.bfloat16) if self.bf16 else nullcontext()


class Library:
    """A transformers model under a library; `activate` chooses what a training trains."""

    def __init__(self, model: Any, device: torch.device) -> None:
        self.bare = model.to(device).train()
        self.compiled = torch.compile(self.bare)
        self.device = device
        self.start = {name: w.detach().clone() for name, w in self.bare.named_parameters() if w.requires_grad}

    def activate(self, training: Training) -> list[Any]:
        """Make the next steps those of a training; return what it trains."""
        return [weight for weight in self.bare.parameters() if weight.requires_grad]

    def loss(self, items: Sequence[Item], longest: int, flags: Flags) -> torch.Tensor:
        rows = [each.sequences[0].ids for each in items]
        ids, mask = padded(rows, longest if flags.padding == "max" else None, self.device)
        labels = torch.tensor([each.target for each in items]).to(self.device, non_blocking=True)
        model = self.compiled if flags.compile else self.bare
        with flags.autocast(self.device):
            found: torch.Tensor = model(input_ids=ids, attention_mask=mask, labels=labels).loss
        return found

    @contextmanager
    def only(self, training: Training) -> Iterator[None]:
        """While a training is trained alone, nothing else asks for gradients."""
        every = [weight for weight in self.bare.parameters() if weight.requires_grad]
        own = {id(weight) for weight in self.activate(training)}
        for weight in every:
            weight.requires_grad_(id(weight) in own)
        yield
        for weight in every:
            weight.requires_grad_(True)

    @torch.no_grad()
    def restart(self) -> None:
        for name, weight in self.bare.named_parameters():
            if name in self.start:
                weight.copy_(self.start[name])


def padded(
    rows: Sequence[np.ndarray], to: int | None, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and mask [rows, width] of token ids, as wide as `to` or the longest."""
    width = to or max(map(len, rows))
    ids = np.full((len(rows), width), PAD, dtype=np.int64)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = row
    made = torch.from_numpy(ids).to(device, non_blocking=True)
    return made, (made != PAD).long()


class AdapterLibrary(Library):
    """`adapters`: the modules and heads of all trainings in one model."""

    def __init__(self, encoder: Encoder, trainings: Sequence[Training], device: torch.device) -> None:
        model = adapters.XLMRobertaAdapterModel(encoder.config)
        model.roberta.load_state_dict(encoder.to_hf().state_dict(), strict=False)
        for each in trainings:
            with tempfile.TemporaryDirectory() as folder:
                save(Path(folder), each, encoder.config)
                model.load_adapter(folder, use_safetensors=True)
        model.train_adapter([each.name for each in trainings])
        super().__init__(model, device)
        self.active = ""

    def activate(self, training: Training) -> list[Any]:
        if self.active != training.name:
            self.bare.set_active_adapters(training.name)
            self.bare.active_head = self.active = training.name
        own = (f".{training.name}.", f"heads.{training.name}.")
        return [
            w for name, w in self.bare.named_parameters() if w.requires_grad and any(o in name for o in own)
        ]


class FusionLibrary(Library):
    """`adapters`: the fusion of one training over its frozen parts."""

    def __init__(self, encoder: Encoder, training: Training, device: torch.device) -> None:
        model = adapters.XLMRobertaAdapterModel(encoder.config)
        model.roberta.load_state_dict(encoder.to_hf().state_dict(), strict=False)
        assert isinstance(training.module, Fusion)
        names = [f"part{number}" for number in range(len(training.module.parts))]
        with tempfile.TemporaryDirectory() as found:
            folder, config = Path(found), encoder.config
            for name, part in zip(names, training.module.parts, strict=True):
                formats.save_module(folder / name, part, _about(name), config)
                model.load_adapter(str(folder / name), use_safetensors=True)
            formats.save_combined(folder / "fusion", training.module, names, _about("fusion"), config)
            model.load_adapter_fusion(str(folder / "fusion"), use_safetensors=True)
            head_format.save_head(folder / "head", training.head, "classification", _about("head"), config)
            model.load_head(str(folder / "head"), use_safetensors=True)
        model.train_adapter_fusion(adapters.composition.Fuse(*names))
        model.active_head = "head"
        super().__init__(model, device)


def save(folder: Path, training: Training, config: Any, labels: Sequence[str] = LABELS) -> None:
    """The module and the head of a training, for the libraries to load."""
    assert isinstance(training.module, Module), "fusions and full training have folders of their own"
    about = formats.About(training.name, "random", labels, "first")
    formats.save_module(folder, training.module, about, config)
    head_format.save_head(folder, training.head, "classification", about, config)


def _about(name: str) -> formats.About:
    return formats.About(name, "random", LABELS, "first")


def full_model(encoder: Encoder, head: SentenceHead) -> Any:
    """XLM-R for classification, as transformers has it."""
    config = copy.deepcopy(encoder.config)
    config.num_labels = len(LABELS)
    model = transformers.XLMRobertaForSequenceClassification(config)
    model.roberta.load_state_dict(encoder.to_hf().state_dict())
    model.classifier.dense.load_state_dict(head.dense.state_dict())
    model.classifier.out_proj.load_state_dict(head.out.state_dict())
    return model


def peft_model(encoder: Encoder, training: Training) -> Any:
    """The same under LoRA of `peft`, from the weights of the training's module."""
    module = training.module
    assert module is not None and isinstance(module.method, LoRA)
    method = module.method
    settings = peft.LoraConfig(
        task_type="SEQ_CLS", r=method.rank, lora_alpha=method.alpha, target_modules=list(method.targets)
    )
    model = peft.get_peft_model(full_model(encoder, training.head), settings)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_" in name:
                words = name.split(".")
                site, kind = words[words.index("self") + 1], name.split("lora_")[1][0]
                weight.copy_(module.weights[f"{site}.{kind}"][int(words[words.index("layer") + 1])])
    return model
