"""Selection in an experiment file: planned data that are there and untested, digests as before."""

import pytest

from xadapt import experiment
from xadapt.errors import ConfigError
from xadapt.stages.mixture import Mixture
from xadapt.stages.predict import Predict
from xadapt.stages.train import Train
from xadapt.workflow.plan import Plan

TEXT = """
[model]
name = "toyworld"
[data]
world = "toyworld"
languages = ["en", "qaa"]
dev_rows = 50
[reading]
layer = 4
[recipe.a]
select = "{}"
snapshots = 4
[intermediate]
tasks = ["mnli", "squad"]
[target]
tasks = ["xnli", "pawsx", "tatoeba"]
compositions = ["alone", "stack(squad)", "fuse(all)"]
"""


def load(tmp_path, select, *settings, text=TEXT):
    path = tmp_path / "e.toml"
    path.write_text(text.format(select), encoding="utf-8")
    return experiment.load(str(path), list(settings))


def stages(found, kind):
    return [stage for stage in Plan.of(found.goals()).stages if isinstance(stage, kind)]


def test_the_last_weights_are_the_stages_that_they_were(tmp_path):
    """Neither the default nor a number of snapshots that are not taken changes a digest."""
    found = load(tmp_path, "last")
    plain = load(tmp_path, "last", text=TEXT.replace('select = "{}"\nsnapshots = 4', "lr = 1e-4"))
    assert [s.digest for s in found.goals()] == [s.digest for s in plain.goals()]
    assert "dev" not in stages(found, Train)[0].fields


def test_dev_data_are_those_of_the_task_that_trains(tmp_path):
    found = load(tmp_path, "dev")
    for train in stages(found, Train):
        assert train.dev is not None and train.dev.data.task == train.task
        assert [row.split for row in train.dev.data.rows] == ["validation"]
        assert train.dev.data.rows[0].size == 50 and train.dev.data.rows[0].config == "en"
    (mixture,) = stages(found, Mixture)
    assert mixture.recipe.select == "dev" and all(part.dev is not None for part in mixture.parts)
    assert {cell.selection for cell in found.cells() if cell.recipe} == {"dev"}
    assert {cell.selection for cell in found.cells() if not cell.recipe} == {""}


def test_an_oracle_is_of_targets_alone_and_reads_the_language_that_it_is_tested_on(tmp_path):
    found = load(tmp_path, "oracle")
    for predict in stages(found, Predict):
        if predict.task == "tatoeba":
            assert predict.dev is None
        else:
            assert predict.module.recipe.select == "oracle" and predict.dev.data.task == predict.task
            assert [(r.config, r.split) for r in predict.dev.data.rows] == [(predict.language, "validation")]
            assert all(part.recipe.select == "last" for part in predict.module.base.parts)
    labels = {(cell.task, cell.selection) for cell in found.cells() if cell.recipe}
    assert labels == {("xnli", "oracle"), ("pawsx", "oracle"), ("tatoeba", "last")}


@pytest.mark.parametrize(
    ("select", "settings", "message"),
    [
        ("oracle", ['target.tasks=["xquad"]'], r"e.toml:11: recipe.a.select: 'oracle': 'xquad' has no"),
        ("dev", ['target.tasks=["mnli"]'], r"'dev' would select on data that 'mnli'"),
        ("best", [], r"recipe.a.select: no 'best' here"),
        ("dev", ["recipe.a.snapshots=0"], r"recipe.a.snapshots: expected 1 to"),
        ("last", ["data.dev_rows=0"], r"data.dev_rows: expected 1 to"),
        ("last", ['encoder={texts=["a/b/c"],recipe={method="full",select="dev"}}'], r"an encoder ends"),
    ],
)  # fmt: skip
def test_what_cannot_be_selected_is_refused_when_the_file_is_loaded(tmp_path, select, settings, message):
    with pytest.raises(ConfigError, match=message) as caught:
        load(tmp_path, select, *settings)
    assert "\n" not in caught.value.message


def test_a_task_of_the_user_without_development_data_cannot_be_selected_on(tmp_path):
    rows = '{"text": "a", "label": "x"}\n{"text": "b", "label": "y"}\n'
    for name in ("rows", "held"):
        (tmp_path / f"{name}.jsonl").write_text(rows, encoding="utf-8")
    mine = '[tasks.mine]\ntype = "classification"\ntrain = "rows.jsonl"\ntest = { qaa = "held.jsonl" }\n'
    text = TEXT.replace('["xnli", "pawsx", "tatoeba"]', '["xnli", "mine"]') + mine
    with pytest.raises(ConfigError, match="'dev': 'mine' has no English development data"):
        load(tmp_path, "dev", text=text.replace("{ qaa", "{{ qaa").replace('" }', '" }}'))
    kept = load(
        tmp_path,
        "dev",
        'recipe.a.task={mine={select="last"}}',
        text=text.replace("{ qaa", "{{ qaa").replace('" }', '" }}'),
    )
    assert {c.selection for c in kept.cells() if c.task == "mine" and c.recipe} == {"last"}
