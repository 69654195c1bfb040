"""What is known of model families: who carries what, what is refused and why, and the table of the README."""

import json
from pathlib import Path

import pytest
import tokenizers
import transformers

from xadapt import experiment, models
from xadapt.composition import Alone, Chain, Continue, Fuse, Merge, Stack, WithText
from xadapt.errors import ConfigError, DataError
from xadapt.modeling import pretrained
from xadapt.recipe import IA3, Bottleneck, Full, LoRA, ModelSpec, PrefixTuning, Recipe

README = Path(__file__).parents[1] / "README.md"
FAMILIES = models.FAMILIES


def test_the_readme_shows_the_table():
    assert models.markdown() in README.read_text(encoding="utf-8")


def test_what_combines_modules_needs_the_fast_engine():
    for composition in (Stack(("a",)), Fuse(("a", "b")), Continue((Merge(("a", "b")),))):
        assert models.refusal(FAMILIES["xlm-roberta"], Bottleneck(), composition, trains=True) is None
        why = models.refusal(FAMILIES["qwen2"], Bottleneck(), composition, trains=True)
        assert why and "on qwen2 needs the fast engine, by library alone and continue" in why
    for composition in (Alone(), Continue((Chain(("a", "b")),))):
        assert models.refusal(FAMILIES["qwen2"], Bottleneck(), composition, trains=True) is None
    assert models.refusal(None, Bottleneck(), Stack(("a",)), trains=True) is None, "known when it is fetched"


@pytest.mark.parametrize(
    ("family", "method", "why"),
    [
        ("bloom", Bottleneck(), "bottleneck is not defined on bloom, only lora"),
        (
            "qwen3",
            PrefixTuning(),
            "prefix_tuning is not defined on qwen3, only bottleneck, lora, ia3, compacter",
        ),
        (
            "modernbert",
            LoRA(),
            "modernbert has one matrix for query, key and value: LoRA targets name all or none",
        ),
        ("mt5", Full(), "full is not defined on mt5"),
        ("llama", Bottleneck(invertible="nice"), "an invertible adapter on llama needs the fast engine"),
    ],
)
def test_what_a_family_cannot_carry_is_said(family, method, why):
    assert (models.unsupported(FAMILIES[family], method) or "").startswith(why)


def test_masked_language_modelling_has_no_meaning_from_left_to_right():
    composition = Continue((WithText(("a",)),))
    assert models.refusal(FAMILIES["mt5"], IA3(), composition, trains=True) is None
    why = models.refusal(FAMILIES["llama"], IA3(), composition, trains=True)
    assert why == "+ mlm is not defined on llama, which reads from left to right"


def test_a_first_token_of_a_decoder_is_not_pooled():
    with pytest.raises(ConfigError, match="'first' reads a token before which qwen2 has seen nothing"):
        models.pooling_fits(FAMILIES["qwen2"], "classification", Recipe(), "recipe")
    models.pooling_fits(FAMILIES["qwen2"], "classification", Recipe(pooling="last"), "recipe")
    models.pooling_fits(FAMILIES["qwen2"], "span", Recipe(), "recipe")
    models.pooling_fits(FAMILIES["bert"], "classification", Recipe(), "recipe")


def test_a_config_says_the_family_and_the_layers(tmp_path):
    spec = ModelSpec(name="mine", folder=str(tmp_path))
    assert models.family(spec) is None
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bloom", "n_layer": 3}))
    found = models.config(spec)
    assert models.family(spec) is FAMILIES["bloom"] and found and models.layers(found) == 3
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen"}))
    with pytest.raises(DataError, match="model_type = 'qwen' is not supported; did you mean 'qwen"):
        models.family(spec)


def test_an_experiment_is_refused_before_a_weight_loads(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen2", "num_hidden_layers": 2}))
    file = tmp_path / "own.toml"
    text = f"""
[model]
name = "own"
folder = "{tmp_path}"
[data]
world = "toyworld"
[recipe.lora]
method = "lora"
pooling = "POOLING"
[intermediate]
tasks = ["mnli"]
[target]
tasks = ["pawsx"]
compositions = ["COMPOSITION"]
"""
    file.write_text(text.replace("POOLING", "last").replace("COMPOSITION", "stack(mnli)"))
    with pytest.raises(ConfigError, match="stack on qwen2 needs the fast engine"):
        experiment.load(str(file))
    file.write_text(text.replace("POOLING", "first").replace("COMPOSITION", "alone"))
    with pytest.raises(ConfigError, match=r"own.toml:9: recipe.lora.pooling: 'first' reads a token"):
        experiment.load(str(file))
    file.write_text(text.replace("POOLING", "last").replace("COMPOSITION", "alone"))
    assert experiment.load(str(file)).family is FAMILIES["qwen2"]


@pytest.mark.parametrize("bos", [None, "<s>"])
def test_every_tokenizer_marks_both_ends_of_a_text(tmp_path, bos):
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"<s>": 0, "</s>": 1, "a": 2, "b": 3}, "a"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    wrapped = transformers.PreTrainedTokenizerFast(tokenizer_object=made, eos_token="</s>", bos_token=bos)
    wrapped.save_pretrained(tmp_path)
    found, first = pretrained.tokenizer(str(tmp_path), None), 1 if bos is None else 0
    assert found.encode("").ids == [first, 1]
    assert found.encode("a b", "b").ids == [first, 2, 3, 1, 3, 1]
    assert found.num_special_tokens_to_add(True) == 3


def test_a_tokenizer_without_an_end_is_refused(tmp_path):
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0}, "a"))
    transformers.PreTrainedTokenizerFast(tokenizer_object=made).save_pretrained(tmp_path)
    with pytest.raises(DataError, match="has no token for the end of a text"):
        pretrained.tokenizer(str(tmp_path), None)
