"""The way of a stranger: pull a module, use it, stack on it with own data without training it again, push."""

import json

import pytest
from huggingface_hub import ModelCard

from tests.cli.calls import here, xadapt
from tests.hub.double import TOKEN, Writing, Written
from tests.sources.hub_server import serving
from tests.sources.published import surroundings

BASE = """
[model]
name = "toyworld"
[data]
world = "toyworld"
train_rows = 40
test_rows = 12
languages = ["en", "qaa"]
[recipe.bn]
method = { name = "bottleneck" }
steps = 2
batch = 4
[intermediate]
tasks = ["mnli"]
"""
THEIRS = '[target]\ntasks = ["panx"]\ncompositions = ["stack(mnli)"]\n'
MINE = """[target]
tasks = ["mood"]
compositions = ["stack(mnli)"]
[tasks.mood]
type = "classification"
labels = ["good", "bad"]
train = "mood.jsonl"
test = { en = "held.jsonl", qaa = "held.jsonl" }
"""
SENTENCES = [{"text": f"it is {word} today {n}", "label": word} for n in range(6) for word in ("good", "bad")]


@pytest.mark.slow
def test_pull_predict_stack_on_own_data_push(tmp_path):
    (tmp_path / "theirs.toml").write_text(BASE + THEIRS)
    (tmp_path / "mine.toml").write_text(BASE + MINE)
    for name in ("mood", "held"):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in SENTENCES))
    theirs, mine = str(tmp_path / "their-store"), str(tmp_path / "my-store")
    hub = Written()
    with serving(hub, Writing) as address:
        env = surroundings(address, tmp_path / "hf") | {"HF_TOKEN": TOKEN}

        def done(*words):
            # Only what asks the hub has to be told of it before its libraries are imported.
            found = xadapt(*words, **env) if words[0] in ("push", "pull") else here(*words)
            assert found.returncode == 0, found.stderr
            return found.stdout

        done("run", str(tmp_path / "theirs.toml"), "--store", theirs, "--quiet")
        done("push", "mnli", "they/mnli", "--store", theirs)
        pulled = json.loads(done("pull", "they/mnli", "--store", mine, "--json"))["stages"]
        (module,) = [each for each in pulled if each["kind"] == "train"]
        pair = ("--text", "a cat sleeps", "--text-pair", "an animal sleeps")
        assert done("predict", module["digest"][:12], *pair, "--store", mine, "--json")
        record = (tmp_path / module["path"] / "record.json").read_bytes()
        done("run", str(tmp_path / "mine.toml"), "--store", mine, "--quiet")
        assert (tmp_path / module["path"] / "record.json").read_bytes() == record
        done("push", "mood stack(mnli)", "me/mood", "--license", "mit", "--store", mine)
    made = hub.head("me/mood")
    assert made[f"parts/mnli-{module['digest'][:12]}/record.json"] == record
    card = ModelCard(made["README.md"].decode(), ignore_metadata_errors=False)
    assert card.data.license == "mit" and len(card.data.eval_results) == 2
    assert str(tmp_path) not in str(card) and str(tmp_path).encode() not in made["experiment.toml"]
