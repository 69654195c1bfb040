"""Sentences per second of prediction over several languages, and of several modules on one encoder.

    python benchmarks/predict.py [--device cuda] [--shape small] [--rows 256] [--write] [--quick]

`languages`: XNLI's lengths in eight languages; xadapt in packed batches of tokens, `adapters` padding each
batch to its longest, of 32, 64 and 128 sentences, in the order of the data and sorted by length. `modules`: K
modules answer the same sentences from an encoder on disk; xadapt loads it once, `adapters` once with the
modules one after another, or anew for each of them, as a loop of its runs does. Answers must agree.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import adapters
import numpy as np
import torch
from command import asked as asked_for
from command import parser
from contenders import Training, placed_encoder
from libraries import AdapterLibrary, padded, save
from measuring import in_turn, keep, medians, timed
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from workload import LABELS, MEASURED, SHAPES, Lengths, examples

from xadapt.modeling import formats, head_format, pretrained
from xadapt.modeling.assemble import Assembled
from xadapt.modeling.encoder import Encoder
from xadapt.modeling.heads import SentenceHead
from xadapt.recipe import Recipe
from xadapt.task_types import task_type
from xadapt.task_types.items import Item
from xadapt.training.answering import Answering
from xadapt.training.precision import accelerator, frozen_dtype
from xadapt.training.restore import Base

BATCHES = (32, 64, 128)
FAR = {"fp32": 1e-3, "bf16": 0.2}
"""Between logits, of the largest."""
Logits = list[np.ndarray]
"""By language [sentences, labels]."""


def sentences(rows: int, vocabulary: int) -> list[list[Item]]:
    """Of each language as many."""
    every = [Lengths(tuple(each), 128, rows) for each in MEASURED["xnli"].values()]
    return [examples(each, rows, vocabulary, seed) for seed, each in enumerate(every)]


def module(name: str, config: Any, seed: int) -> Training:
    return Training.of(name, [], Recipe(max_length=128), config, seed)


def packed(
    encoder: Encoder, made: Training, texts: Sequence[Sequence[Item]], asked: argparse.Namespace
) -> Logits:
    """As the Predict stage answers: language by language in batches of tokens."""
    placed = accelerator(asked.device, asked.precision)
    ground = Base(encoder, Tokenizer(WordLevel()), placed, "random")
    assembled = Assembled([made.slot], encoder.config).to(placed.device)
    head = made.head.to(placed.device)
    answering = Answering(task_type("classification"), head, LABELS, made.recipe, assembled, ground)
    return [np.stack([answer.output for answer in answering.forward(items)]) for items in texts]


@torch.inference_mode()
def filled(
    model: Any, texts: Sequence[Sequence[Item]], size: int, by_length: bool, asked: argparse.Namespace
) -> Logits:
    """As a prediction loop of the library answers, `size` sentences at a time."""
    found, device = [], torch.device(asked.device)
    for items in texts:
        order = sorted(range(len(items)), key=lambda at: -items[at].tokens if by_length else 0)
        logits = np.empty((len(items), len(LABELS)), dtype=np.float32)
        for at in range(0, len(order), size):
            batch = order[at : at + size]
            ids, mask = padded([items[each].sequences[0].ids for each in batch], None, device)
            with torch.autocast(device.type, torch.bfloat16, asked.precision == "bf16"):
                made = model(input_ids=ids, attention_mask=mask).logits
            logits[batch] = made.float().cpu().numpy()
        found.append(logits)
    return found


def languages(asked: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    shape = SHAPES[asked.shape]
    encoder, texts = shape.encoder(), sentences(asked.rows, shape.vocabulary)
    made = module("nli", encoder.config, 1)
    placed = placed_encoder(encoder, device, asked.precision)
    model = AdapterLibrary(encoder, [made], device)
    model.activate(made)
    runs: dict[str, Callable[[], Logits]] = {"xadapt": lambda: packed(placed, made, texts, asked)}
    for size in asked.batch:
        for by_length in (False, True):
            name = f"adapters, {size} at a time" + (", sorted" if by_length else "")
            runs[name] = _filled(model.bare.eval(), texts, size, by_length, asked)
    return rates(runs, len(texts) * asked.rows, device, asked)


def _filled(model: Any, *given: Any) -> Callable[[], Logits]:
    return lambda: filled(model, *given)


def rates(
    runs: dict[str, Callable[[], Any]], count: int, device: torch.device, asked: argparse.Namespace
) -> dict[str, Any]:
    """Sentences per second; all must answer the same, which a first round checks."""
    answers = {name: np.concatenate(run()) for name, run in runs.items()}
    most = np.abs(answers["xadapt"]).max()
    far = {name: float(np.abs(each - answers["xadapt"]).max() / most) for name, each in answers.items()}
    if max(far.values()) > FAR[asked.precision]:
        raise SystemExit(f"logits differ by more than {FAR[asked.precision]} of the largest: {far}")
    seconds = medians(in_turn({name: timed(run, device) for name, run in runs.items()}, asked.rounds))
    return {
        name: {
            "sentences_per_second": round(count / each, 1),
            "xadapt_is_faster_by": round(each / seconds["xadapt"], 2),
            "differs_by": far[name],
        }
        for name, each in seconds.items()
    } | {"sentences": count}


def modules(asked: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    """Loading counts."""
    shape = SHAPES[asked.shape]
    encoder = shape.encoder()
    texts = [sentences(asked.rows, shape.vocabulary)[0]]
    every = [module(f"module{number}", encoder.config, number) for number in range(asked.modules)]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        encoder.to_hf().save_pretrained(folder / "encoder")
        for each in every:
            save(folder / each.name, each, encoder.config)

        def mine() -> Logits:
            pretrained.forget()
            placed = accelerator(asked.device, asked.precision)
            own = pretrained.load(str(folder / "encoder"), None, placed.device, frozen_dtype(placed))
            host = formats.Host(own.config, "random")
            return [_mine(own, host, folder / each.name, texts, asked) for each in every]

        def theirs(again: bool) -> Callable[[], Logits]:
            return lambda: _theirs(folder, [each.name for each in every], again, texts, asked)

        runs = {
            "xadapt": mine,
            "adapters, one load": theirs(False),
            "adapters, a load for each module": theirs(True),
        }
        return rates(runs, asked.modules * asked.rows, device, asked) | {"modules": asked.modules}


def _mine(
    own: Encoder, host: formats.Host, folder: Path, texts: Any, asked: argparse.Namespace
) -> np.ndarray:
    head = SentenceHead.initial(own.config, len(LABELS), 0)
    head_format.load_head(folder, head, "classification", LABELS)
    made = Training(folder.name, [], Recipe(max_length=128), formats.load_module(folder, host), head)
    return np.concatenate(packed(own, made, texts, asked))


def _theirs(folder: Path, names: Sequence[str], again: bool, texts: Any, asked: argparse.Namespace) -> Logits:
    found, model = [], None
    for name in names:
        if model is None or again:
            model = (
                adapters.XLMRobertaAdapterModel.from_pretrained(folder / "encoder").to(asked.device).eval()
            )
        model.load_adapter(str(folder / name), use_safetensors=True)
        model.to(asked.device)
        model.set_active_adapters(name)
        model.active_head = name
        found.append(np.concatenate(filled(model, texts, 64, True, asked)))
    return found


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--part", choices=["languages", "modules"], action="append")
    made.add_argument("--rows", type=int, help="sentences of each language")
    made.add_argument("--batch", type=int, nargs="+", default=list(BATCHES))
    made.add_argument("--modules", type=int, default=9)
    asked, device = asked_for(made, cpu="small")
    on_gpu = device.type == "cuda"
    asked.rows = 16 if asked.quick else asked.rows or (2048 if on_gpu else 128)
    asked.modules = 2 if asked.quick else asked.modules
    for part in asked.part or ("languages", "modules"):
        found = (languages if part == "languages" else modules)(asked, device)
        print(json.dumps({part: found}, indent=2), flush=True)
        if asked.write:
            keep("predict", f"{part}, {asked.shape}", found | {"rounds": asked.rounds}, device)


if __name__ == "__main__":
    main()
