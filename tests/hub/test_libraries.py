"""What is pushed loads with stock `adapters` and `peft`, by the lines of its own card, to equal outputs."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file

from tests.hub import sharing
from tests.hub.conftest import NOTES, Place
from tests.modeling.conftest import about, config, padded, random_fusion, random_module, run, sequences, shake
from tests.sources.published import surroundings
from xadapt import experiment
from xadapt.composition import Alone, Fuse, Stack
from xadapt.hub import bundle
from xadapt.modeling import formats, head_format
from xadapt.modeling.assemble import Slot
from xadapt.modeling.encoder import Encoder, Packed
from xadapt.modeling.formats import About
from xadapt.modeling.heads import SentenceHead, TokenHead
from xadapt.modeling.module import Module
from xadapt.recipe import LoRA
from xadapt.stages.train import Train
from xadapt.workflow.plan import Plan
from xadapt.workflow.store import Store

EXPERIMENT = """
[model]
name = "me/tiny"
revision = "{revision}"
[data]
world = "toyworld"
languages = ["en"]
[recipe.bn]
method = {{ name = "bottleneck", reduction_factor = 4 }}
[recipe.lora]
method = {{ name = "lora", rank = 3, alpha = 6 }}
[intermediate]
tasks = ["mnli", "squad"]
[target]
tasks = ["panx"]
compositions = ["alone", "stack(mnli)", "fuse(all)"]
"""
MADX = """
[recipe.lang]
method = {{ name = "bottleneck", reduction_factor = 2, invertible = "nice" }}
steps = 4
[languages]
train = ["en"]
texts = {{ en = "text/en/train" }}
recipe = "lang"
"""
SCRIPT = """
import json, sys, torch
from safetensors.torch import save_file
from pathlib import Path
found = {}
ids = torch.tensor(json.loads(sys.argv[1]))
for path in sorted(Path(sys.argv[2]).glob("*.py")):
    names = {}
    exec(path.read_text(), names)
    model = names["model"].eval()
    with torch.no_grad():
        found[path.stem] = getattr(model, "roberta", model)(ids, attention_mask=(ids != 1).long())[0]
save_file(found, sys.argv[3])
"""


def trained(folder: Path, revision: str, text: str = EXPERIMENT) -> Place:
    """The modules of the experiment with random weights, as a run keeps them."""
    (folder / "e.toml").write_text(text.format(revision=revision))
    plan = Plan.of(experiment.load(str(folder / "e.toml")).goals())
    store = Store(folder / "store")
    for stage in plan.stages:
        if isinstance(stage, Train):
            with store.writing(stage) as work:
                save(stage, work.out)
                work.notes |= NOTES
    return Place(folder, store, plan)


def save_head(stage, folder):
    kind = {"mnli": "classification", "squad": "span", "panx": "tagging"}[str(stage.task)]
    labels = () if kind == "span" else ("a", "b", "c")
    made = SentenceHead if kind == "classification" else TokenHead
    head = made.initial(config(), len(labels) or 2, 1)
    head_format.save_head(folder, head, kind, About(str(stage.task), "tiny", labels, "first"), config())


def save(stage, folder):
    if not stage.language:
        save_head(stage, folder)
    parts = [random_module(stage.recipe.method, seed_of(part)) for part in stage.base.parts]
    if isinstance(stage.base, Fuse):
        names = [str(part.expression) for part in stage.base.parts]
        formats.save_combined(folder, random_fusion(parts, 3), names, about(str(stage.task)), config())
    else:
        formats.save_module(folder, made(stage), about(str(stage.task)), config())


def seed_of(stage):
    return ["mnli", "squad", "panx", "text"].index(str(stage.task))


def ours(stage, encoder):
    """The last hidden states of our engine, [tokens, width]."""
    parts = tuple(random_module(stage.recipe.method, seed_of(part)) for part in stage.base.parts)
    if isinstance(stage.base, Fuse):
        slot = Slot(Fuse(parts), combined=random_fusion(parts, 3), language=below(stage))
    else:
        own = made(stage)
        slot = Slot(Stack(parts) if parts else Alone(), own=own, language=below(stage))
    return run(encoder, slot, Packed.of(sequences()))[1]


def loads_elsewhere(stage):
    """`peft` has no fusion, and nothing below it."""
    return not isinstance(stage.recipe.method, LoRA) or not (isinstance(stage.base, Fuse) or stage.below)


def below(stage):
    """The language adapter of a stage."""
    return made(stage.below) if stage.below else None


def made(stage):
    """Its own module, what is invertible in it included."""
    found = random_module(stage.recipe.method, seed_of(stage))
    start = Module.initial(stage.recipe.method, config(), seed_of(stage))
    generator = torch.Generator().manual_seed(7)
    noisy = {n: w + torch.randn(w.shape, generator=generator) * 0.2 for n, w in start.invertible.items()}
    return replace(found, invertible=noisy)


@pytest.fixture
def tiny(hub, tmp_path):
    """A tiny encoder, published; (revision, model)"""
    model = shake(transformers.XLMRobertaModel(config(), add_pooling_layer=False)).eval()
    model.save_pretrained(tmp_path / "tiny")
    files = {path.name: path.read_bytes() for path in (tmp_path / "tiny").iterdir()}
    return hub.publish("models/me/tiny", files), model


@pytest.mark.slow
@pytest.mark.parametrize(("text", "count"), [(EXPERIMENT, 9), (EXPERIMENT + MADX, 6)], ids=["plain", "madx"])
def test_the_lines_of_a_card_load_it_to_our_outputs(hub, tiny, tmp_path, text, count):
    revision, model = tiny
    place = trained(tmp_path, revision, text)
    stages = [each for each in place.plan.stages if isinstance(each, Train) and loads_elsewhere(each)]
    snippets = tmp_path / "snippets"
    snippets.mkdir()
    for stage in stages:
        where = f"me/m-{stage.digest[:12]}"
        assert sharing.sent(place, stage.digest, where).written
        card = hub.head(where)[bundle.CARD].decode()
        (code,) = re.findall(r"```python\n(.*?)```", card, re.S)
        (snippets / f"{stage.digest}.py").write_text(code)
    ids, mask = padded(sequences())
    env = os.environ | surroundings(os.environ["HUB_AT"], tmp_path / "hf")
    words = [sys.executable, "-c", SCRIPT, json.dumps(ids.tolist()), str(snippets), str(tmp_path / "out")]
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found, encoder = load_file(tmp_path / "out"), Encoder.from_hf(model)
    encoder.freeze()
    plain = encoder(Packed.of(sequences()))
    assert len(found) == len(stages) == count
    for stage in stages:
        theirs, own = found[stage.digest][mask.bool()], ours(stage, encoder)
        assert (own - plain).abs().max() > 0.05, "the module must matter"
        assert (own - theirs).abs().max() < 1e-5, stage.title()
        assert torch.isfinite(theirs).all()
