"""Every fault of a folder is one line that names the file, the field or weight, and what would be right."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from xadapt.errors import IntegrityError
from xadapt.modeling import bottleneck_format, formats, fusion_format, head_format, lora_format
from xadapt.modeling.formats import About, Host
from xadapt.modeling.heads import SentenceHead, TokenHead
from xadapt.recipe import Bottleneck, LoRA

from .conftest import config, random_fusion, random_module

ABOUT = About("nli", "org/tiny", ("yes", "no"), "first")
HOST = Host(config(), "tiny")
BOTTLENECK = Bottleneck(reduction_factor=4)
GONE = object()
FILES = {
    "bottleneck": bottleneck_format.FILES,
    "lora": lora_format.FILES,
    "fusion": fusion_format.FILES,
    "head": head_format.FILES,
}


def written(folder, kind):
    if kind == "fusion":
        parts = [random_module(BOTTLENECK, seed) for seed in range(2)]
        formats.save_combined(folder, random_fusion(parts, 1), ["a", "b"], ABOUT, config())
    elif kind == "head":
        head_format.save_head(folder, SentenceHead.initial(config(), 2, 1), "classification", ABOUT, config())
    else:
        method = BOTTLENECK if kind == "bottleneck" else LoRA(rank=2, targets=("query", "output"))
        formats.save_module(folder, random_module(method, 1), ABOUT, config())
    return [folder / name for name in FILES[kind]]


def loaded(folder, kind, host=HOST):
    if kind == "fusion":
        parts = [random_module(BOTTLENECK, seed) for seed in range(2)]
        return formats.load_combined(folder, "fuse", parts, ["a", "b"], host)
    if kind == "head":
        head = SentenceHead.initial(config(), 2, 1)
        return head_format.load_head(folder, head, "classification", ABOUT.labels)
    return formats.load_module(folder, host)


def refused(folder, kind, file, *parts, host=HOST):
    """Loading fails in one line that begins with the file and has all `parts`."""
    with pytest.raises(IntegrityError) as caught:
        loaded(folder, kind, host)
    message = caught.value.message
    assert message.startswith(f"{file}: "), message
    assert "\n" not in message
    for part in parts:
        assert part in message, message


def change(place, path, value):
    """Set the field at `path` of a JSON file, or take it away."""
    facts = json.loads(place.read_text())
    *above, last = path.split(".")
    table = facts
    for name in above:
        table = table[name]
    if value is GONE:
        del table[last]
    else:
        table[last] = value
    place.write_text(json.dumps(facts))


FIELDS = [
    ("bottleneck", "config", GONE, "config is missing; supported is the table of an adapter's settings"),
    ("bottleneck", "config", "seq_bn", "config = 'seq_bn'; supported is the table"),
    ("bottleneck", "name", GONE, "name is missing; supported is the name of the adapter"),
    ("bottleneck", "name", 3, "name = 3; supported is the name of the adapter"),
    ("bottleneck", "hidden_size", 64, "hidden_size = 64; the encoder has 32"),
    ("bottleneck", "model_type", "bert", "model_type = 'bert'; the encoder has 'xlm-roberta'"),
    ("bottleneck", "model_name", "org/large", "model_name = 'org/large'; the encoder is 'tiny'"),
    (
        "bottleneck",
        "config.architecture",
        "prefix_tuning",
        "architecture = 'prefix_tuning'; supported are bottleneck, and LoRA",
    ),
    ("bottleneck", "config.non_linearity", "gelu_new", "= 'gelu_new' is not computed; did you mean 'gelu'?"),
    ("bottleneck", "config.non_linearity", ["relu"], "= ['relu']; supported is relu, gelu, swish, tanh"),
    ("bottleneck", "config.non_linearity", GONE, "non_linearity is missing; supported is relu, gelu"),
    ("bottleneck", "config.reduction_factor", "16", "= '16'; supported is a number above 0"),
    ("bottleneck", "config.reduction_factor", True, "= True; supported is a number above 0"),
    ("bottleneck", "config.reduction_factor", 0, "= 0; supported is a number above 0"),
    ("bottleneck", "config.reduction_factor", float("nan"), "= nan; supported is a number above 0"),
    ("bottleneck", "config.reduction_factor", {"1": 16, "default": 2}, "; supported is a number above 0"),
    ("bottleneck", "config.ln_after", True, "True is not a sequential bottleneck, which has False"),
    ("bottleneck", "config.is_parallel", "yes", "'yes' is not a parallel bottleneck, which has True"),
    ("bottleneck", "config.cross_adapter", True, "True is not a sequential bottleneck, which has False"),
    ("bottleneck", "config.leave_out", [3], "leave_out = [3]; supported is some of the layers 0 to 2"),
    ("bottleneck", "config.leave_out", [0, 1, 2], "leave_out = [0, 1, 2]; supported is some of the layers"),
    ("bottleneck", "config.leave_out", "1", "leave_out = '1'; supported is some of the layers 0 to 2"),
    ("bottleneck", "config.scaling", "learned", "scaling = 'learned'; supported is a number above 0"),
    ("bottleneck", "config.scaling", -1.0, "scaling = -1.0; supported is a number above 0"),
    ("bottleneck", "config.use_gatings", True, "is not a sequential bottleneck; did you mean 'use_gating'?"),
    ("lora", "peft_type", "IA3", "peft_type = 'IA3' is not plain LoRA, which has 'LORA'"),
    ("lora", "base_model_name_or_path", "org/large", "= 'org/large'; the encoder is 'tiny'"),
    ("lora", "r", "2", "r = '2'; supported is a whole number above 0"),
    ("lora", "r", True, "r = True; supported is a whole number above 0"),
    ("lora", "r", GONE, "r is missing; supported is a whole number above 0"),
    ("lora", "lora_alpha", 0, "lora_alpha = 0; supported is a number above 0"),
    ("lora", "lora_dropout", 1.0, "lora_dropout = 1.0; supported is a share from 0 to below 1"),
    ("lora", "bias", "all", "bias = 'all' is not plain LoRA, which has 'none'"),
    ("lora", "use_rslora", "yes", "use_rslora = 'yes'; supported is true or false"),
    ("lora", "use_dora", "yes", "use_dora = 'yes'; supported is true or false"),
    ("lora", "use_qalora", True, "use_qalora = True is not plain LoRA"),
    ("lora", "rank_pattern", {"query": 4}, "rank_pattern = {'query': 4} is not plain LoRA"),
    ("lora", "modules_to_save", ["classifier"], "modules_to_save = ['classifier'] is not plain LoRA"),
    ("lora", "use_novelty", True, "use_novelty = True is not plain LoRA"),
    ("lora", "init_lora_weights", "pissa", "= 'pissa' changes the frozen matrices"),
    ("fusion", "config", GONE, "config is missing; supported is the table of a fusion's settings"),
    ("fusion", "config.temperature", True, "temperature = True is not dynamic fusion, which has False"),
    ("fusion", "config.value", False, "value = False is not dynamic fusion, which has True"),
    ("fusion", "config.query_before_ln", True, "query_before_ln = True is not dynamic fusion"),
    ("fusion", "adapter_names", ["b", "a"], "= ['b', 'a']; the parts given are ['a', 'b']"),
    ("fusion", "adapter_names", ["a", "b", "c"], "= ['a', 'b', 'c']; the parts given are ['a', 'b']"),
    ("fusion", "hidden_size", 64, "hidden_size = 64; the encoder has 32"),
    ("fusion", "model_name", "large", "model_name = 'large'; the encoder is 'tiny'"),
    ("head", "config", GONE, "config is missing; supported is the table of a head's settings"),
    ("head", "name", GONE, "name is missing"),
    ("head", "config.head_type", "tagging", "head_type = 'tagging', needed is 'classification'"),
    ("head", "config.label2id", {"yes": 0, "no": 2}, "label2id = {'yes': 0, 'no': 2}; supported are"),
    ("head", "config.label2id", ["yes", "no"], "label2id = ['yes', 'no']; supported are label names"),
    ("head", "config.label2id", None, "the head's labels are [], the task's are ['yes', 'no']"),
]


@pytest.mark.parametrize(
    "case", FIELDS, ids=[f"{kind}-{path}-{number}" for number, (kind, path, *_) in enumerate(FIELDS)]
)
def test_a_field_that_is_wrong(tmp_path, case):
    kind, path, value, *parts = case
    facts, _ = written(tmp_path, kind)
    loaded(tmp_path, kind)
    change(facts, path, value)
    refused(tmp_path, kind, facts, path.split(".")[-1] if kind != "head" else "", *parts)


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("text", [b"[1, 2]", b'{"name": ', b"\xff\xfe", b""])
def test_facts_that_are_no_object(tmp_path, kind, text):
    facts, _ = written(tmp_path, kind)
    facts.write_bytes(text)
    refused(tmp_path, kind, facts, "needed is an object" if text == b"[1, 2]" else "cannot be read as JSON")


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("keep", [0, 4, 200, -20])
def test_weights_that_are_cut_off(tmp_path, kind, keep):
    _, weights = written(tmp_path, kind)
    weights.write_bytes(weights.read_bytes()[:keep])
    refused(tmp_path, kind, weights, "its weights are not whole")


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("which", [0, 1], ids=["facts", "weights"])
def test_a_file_that_is_missing_and_a_pickle_beside_it(tmp_path, kind, which):
    gone = written(tmp_path, kind)[which]
    gone.unlink()
    refused(tmp_path, kind, gone, "no such file")
    (tmp_path / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    refused(tmp_path, kind, gone, "no such file; pytorch_model.bin is a pickle, which is never loaded")


def test_a_folder_that_is_not_there(tmp_path):
    refused(tmp_path / "none", "bottleneck", tmp_path / "none" / "adapter_config.json", "no such file")


def with_weights(place, edit):
    weights = load_file(place)
    edit(weights)
    save_file(weights, place)


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_not_finite(tmp_path, kind, bad):
    _, place = written(tmp_path, kind)
    first = min(load_file(place))
    with_weights(place, lambda weights: weights[first].view(-1)[-1:].fill_(bad))
    refused(tmp_path, kind, place, repr(first), "holds NaN or infinity")


@pytest.mark.parametrize("kind", FILES)
def test_weights_that_are_whole_numbers(tmp_path, kind):
    _, place = written(tmp_path, kind)
    first = min(load_file(place))
    with_weights(place, lambda weights: weights.update({first: torch.ones(2, dtype=torch.int64)}))
    refused(tmp_path, kind, place, repr(first), "is torch.int64; needed are real numbers")


@pytest.mark.parametrize("kind", FILES)
def test_a_weight_that_is_missing(tmp_path, kind):
    _, place = written(tmp_path, kind)
    last = max(load_file(place))
    with_weights(place, lambda weights: weights.pop(last))
    # Prefixes differ from library to library.
    refused(tmp_path, kind, place, last[last.index("encoder" if kind != "head" else "heads") :], "missing")


@pytest.mark.parametrize("kind", ["bottleneck", "lora", "fusion"])
def test_a_weight_that_has_no_place(tmp_path, kind):
    _, place = written(tmp_path, kind)
    last = max(load_file(place))
    with_weights(place, lambda weights: weights.update({last + "s": weights[last].clone()}))
    part = last[last.index("layer.2.") + len("layer.2.") :]
    refused(tmp_path, kind, place, f"weight {last + 's'!r} has no place here; did you mean {part!r}?")


def test_lora_of_something_else_than_the_encoder(tmp_path):
    _, place = written(tmp_path, "lora")
    save_file({"base_model.model.pooler.dense.lora_A.weight": torch.ones(2, 32)}, place)
    refused(tmp_path, "lora", place, "1 weights, first 'base_model.model.pooler.dense.lora_A.weight'; none")


@pytest.mark.parametrize(
    ("kind", "field", "value", "given"),
    [
        ("bottleneck", "config.reduction_factor", 16, "hidden_size = 32 with reduction_factor = 16 needs"),
        ("lora", "r", 4, "hidden_size = 32 with r = 4 needs"),
    ],
)
def test_weights_of_another_size_than_the_settings(tmp_path, kind, field, value, given):
    facts, place = written(tmp_path, kind)
    change(facts, field, value)
    refused(tmp_path, kind, place, "weight '", given)


@pytest.mark.parametrize("kind", ["bottleneck", "lora", "fusion"])
@pytest.mark.parametrize("layers", [2, 4])
def test_an_encoder_of_another_depth(tmp_path, kind, layers):
    _, place = written(tmp_path, kind)
    host = Host(config(num_hidden_layers=layers), "tiny")
    parts = ("layer.2.", "the encoder has 2 layers") if layers == 2 else ("layer.3.", "is missing")
    refused(tmp_path, kind, place, *parts, host=host)


@pytest.mark.parametrize("kind", ["bottleneck", "lora", "fusion"])
def test_an_encoder_of_another_width(tmp_path, kind):
    facts, place = written(tmp_path, kind)
    host = Host(config(hidden_size=64), "tiny")
    if kind == "lora":
        refused(tmp_path, kind, place, "needs", "hidden_size = 64", host=host)
        return
    refused(tmp_path, kind, facts, "hidden_size = 32; the encoder has 64", host=host)
    change(facts, "hidden_size", GONE)
    refused(tmp_path, kind, place, "needs", "hidden_size = 64", host=host)


@pytest.mark.parametrize("found", ["tiny", "org/tiny", "/models/tiny/", "", None])
def test_the_same_model_under_another_owner_or_path_is_the_same(tmp_path, found):
    facts, _ = written(tmp_path, "bottleneck")
    change(facts, "model_name", found)
    loaded(tmp_path, "bottleneck")


def test_how_it_was_trained_is_free(tmp_path):
    facts, _ = written(tmp_path, "bottleneck")
    for name, value in {"dropout": 0.1, "init_weights": "mam_adapter", "init_weights_seed": 3}.items():
        change(facts, f"config.{name}", value)
    assert loaded(tmp_path, "bottleneck").method == BOTTLENECK


def test_a_head_of_another_size(tmp_path):
    _, place = written(tmp_path, "head")
    with_weights(place, lambda weights: weights.update({"heads.nli.4.bias": torch.zeros(5)}))
    refused(tmp_path, "head", place, "weight 'heads.nli.4.bias' is [5], needed is [2]")
    with pytest.raises(IntegrityError, match="head_type = 'classification', needed is 'tagging'"):
        head_format.load_head(tmp_path, TokenHead.initial(config(), 2, 1), "tagging", ("yes", "no"))
