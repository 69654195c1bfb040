"""From a store to a recommendation: every type of target, a matrix by hand, and what is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.cli import own
from tests.cli.calls import here
from tests.report import fakes
from xadapt import experiment
from xadapt.errors import ConfigError, DataError, UnknownName
from xadapt.recommend import features, methods
from xadapt.recommend.content import sections
from xadapt.recommend.matrix import measured
from xadapt.recommend.methods import Said
from xadapt.recommend.question import Question, split
from xadapt.recommend.recommendation import mean_regrets, recommend
from xadapt.workflow.store import Store

from .conftest import RIGHT


def told(made, target, **words):
    asked = made.question(target, **words)
    return recommend(asked, measured(asked, made.store), 100, made.context)


def test_the_matrix_has_gains_in_points_without_english(made):
    found = measured(made.question("words"), made.store)
    assert found.gains == {
        "words": {"mood": 10.0, "pick": -10.0},
        "quiz": {"mood": 2.0, "pick": 20.0},
        "pick": {"mood": 4.0, "pick": 0.0},
    }
    assert found.seconds == {"words": {"mood": 30.0, "pick": 50.0}}


def test_only_the_languages_that_are_asked_for_count(made):
    found = measured(made.question("words", languages=["English"]), made.store)
    assert found.gains["words"] == {"mood": -10.0, "pick": 10.0}


def test_gains_under_another_selection_are_no_measure(tmp_path):
    """Of words and quiz weights are averaged over snapshots, of pick they are the last."""
    chosen = '[recipe.a]\ntask = { words = { select = "average" }, quiz = { select = "average" } }\n'
    text = own.EXPERIMENT.replace('tasks = ["mood"]', 'tasks = ["mood", "pick"]').replace(
        "[recipe.a]\n", chosen
    )
    other = experiment.load(str(own.write(tmp_path, text)))
    store = Store(tmp_path / "store")
    for cell in other.cells():
        right = RIGHT.get(cell.task, {}).get(cell.composition)
        if right is not None and cell.score is not None and cell.recipe:
            fakes.write(store, cell.score, right)
    averaged, last = (
        Question(other, other.task(name), ("mood", "pick"), "a", "stack") for name in ("words", "pick")
    )
    assert (averaged.selection, last.selection) == ("average", "last")
    assert set(measured(averaged, store).gains) == {"words", "quiz"}
    assert set(measured(last, store).gains) == {"pick"}


def test_a_target_that_shares_the_training_of_another_is_no_prior_for_it(made):
    assert made.question("nli").akin == {"nli", "mood"} == made.question("mood").akin
    assert made.question("words").akin == {"words"}


def test_a_target_of_the_paper_shares_its_training_too():
    demo = experiment.load("demo", ['target.tasks=["xquad", "mlqa", "panx"]', "target.task={}"])
    assert Question(demo, demo.task("mlqa"), ("squad",), "bottleneck", "stack").akin == {"mlqa", "xquad"}


@pytest.mark.parametrize(("said", "counted"), [(["qaa", "Toy A", "qaa"], ("qaa",)), ([], ("qaa",))])
def test_a_language_counts_once(made, said, counted):
    found = made.question("words", languages=said)
    assert found.counted == counted and found.languages == counted[: len(said)]


def test_the_title_says_which_languages_count(made):
    one = told(made, "twin")
    assert next(iter(sections([one]))).title == "Modules for twin, stack, qaa"
    asked = replace(one.question, target=made.experiment.task("words"))
    assert next(iter(sections([replace(one, question=asked)]))).title.endswith("all but English")
    english = replace(made.experiment, data=replace(made.experiment.data, languages=("en",)))
    asked = replace(one.question, target=made.experiment.task("words"), asked=english)
    assert next(iter(sections([replace(one, question=asked)]))).title == "Modules for words, stack, en"
    assert replace(one, question=asked).as_json()["languages"] == ["en"]


def test_modules_between_which_nothing_decides_are_named_together(made):
    one = told(made, "quiz")
    tied = replace(one, said=Said({"probe": {"mood": 50.0, "pick": 50.0}}, {}))
    by = {each.by: each for each in tied.regrets}
    assert by["probe"].order == (("mood", "pick"),) and by["probe"].at == by["random"].at == (9.0, 0.0)
    ranked, lacking = list(sections([tied]))
    assert "Nothing decides between mood or pick" in ranked.note
    assert ["probe", "mood or pick", "9.0", "0.0"] in map(list, lacking.rows)


@pytest.mark.parametrize("target", ["words", "quiz", "pick", "mood", "nli"])
def test_every_type_of_target_is_judged_by_every_method(made, target):
    found = told(made, target)
    assert list(found.said.scores) == ["logme", "text", "task", "probe", "prior"]
    for scores in found.said.scores.values():
        assert set(scores) == {"mood", "pick"} and np.isfinite(list(scores.values())).all()
    assert sorted(found.order) == ["mood", "pick"]
    assert all(0 <= found.said.scores["probe"][name] <= 100 for name in found.order)


def test_what_was_measured_on_the_target_is_no_part_of_the_advice(made):
    """The prior is that of the other targets; the regret is against the target's own row."""
    found = told(made, "quiz")
    assert found.said.scores["prior"] == {"mood": 7.0, "pick": -5.0}
    by = {each.by: each for each in found.regrets}
    assert by["other targets"].order == (("mood",), ("pick",))
    assert by["other targets"].at == (18.0, 0.0)
    assert by["random"].at == (9.0, 0.0)


def test_a_target_that_has_not_run_has_no_regret(made):
    found = told(made, "mood")
    assert found.regrets == [] and found.gains == {} and found.saved is None
    assert found.said.scores["prior"] == {"mood": pytest.approx(16 / 3), "pick": pytest.approx(10 / 3)}


def test_a_target_that_trains_nothing_has_the_other_targets_alone(made):
    found = told(made, "twin")
    assert list(found.said.scores) == ["prior"] and found.order == ["mood", "pick"]
    assert found.as_json()["trainings_saved"] == 0


def test_what_is_spared_is_the_training_on_the_others(made):
    found = told(made, "words")
    other = found.order[1]
    assert found.saved == {"mood": 30.0, "pick": 50.0}[other]


def test_a_module_that_has_seen_the_rows_is_marked(made):
    found = told(made, "pick")
    assert found.question.same_data == ("pick",)
    table = next(iter(sections([found])))
    assert {row[0] for row in table.rows} == {"pick =", "mood"} and "has seen" in table.note
    assert told(made, "nli").question.same_data == ("mood",)  # it trains as mood


def test_features_are_those_of_the_module(made):
    asked = made.question("words")
    drawn = features.sample(asked.training, 100, made.context)
    bare, mood, pick = (
        features.seen(asked.training, drawn, module, made.context)
        for module in (None, *asked.modules.values())
    )
    words = sum(len(example.words) for example in drawn)
    assert bare.features.shape == (words, 128) and bare.right.shape == (words, 2)
    assert not np.array_equal(bare.features, mood.features) and not np.array_equal(
        mood.features, pick.features
    )
    again = features.seen(asked.training, drawn, asked.modules["mood"], made.context)
    np.testing.assert_array_equal(again.features, mood.features)


def test_of_a_text_the_right_tokens_and_some_others_are_read(made):
    asked = made.question("quiz")
    drawn = features.sample(asked.training, 100, made.context)
    found = features.seen(asked.training, drawn, None, made.context)
    answered = sum(bool(example.answers) for example in drawn)
    assert found.among and len(np.unique(found.groups)) == answered
    # One start and one end in each window with an answer.
    assert found.right.sum(0).tolist() == [answered, answered]


def test_a_text_is_most_like_itself(made):
    found = told(made, "pick")
    assert found.said.scores["text"]["pick"] == pytest.approx(1)
    assert found.said.scores["text"]["mood"] < 1


def test_means_are_over_targets_that_every_method_judges(made):
    every = [told(made, target) for target in ("words", "quiz", "mood")]
    found = mean_regrets(every)
    assert {each.targets for each in found} == {("words", "quiz")}
    random = next(each for each in found if each.by == "random")
    assert random.at == (pytest.approx((10 + 9) / 2), pytest.approx(0))
    assert mean_regrets(every[:1]) == []


@pytest.mark.parametrize(
    ("target", "words", "error", "says"),
    [
        ("wrods", {}, UnknownName, "did you mean 'words'"),
        ("words", {"modules": ["mod"]}, UnknownName, "no intermediate task 'mod'; did you mean 'mood'"),
        ("words", {"modules": ["fuse(mood, pick)"]}, ConfigError, "is no module"),
        ("words", {"modules": ["chain(mood, pick)"]}, UnknownName, "not in the store"),
        ("words", {"languages": ["sw"]}, UnknownName, "not tested in 'sw'"),
        ("words", {"recipe": "b"}, UnknownName, "--recipe 'b'"),
        ("words", {"form": "stak"}, UnknownName, "did you mean 'stack'"),
    ],
)
def test_what_is_not_known_is_one_line(made, target, words, error, says):
    with pytest.raises(error) as raised:
        made.question(target, **words)
    assert says in raised.value.message and "\n" not in raised.value.message


def test_a_store_without_modules_is_one_line(made, tmp_path):
    from xadapt.recommend.question import question

    with pytest.raises(UnknownName, match="no such store"):
        question(made.experiment, Store(tmp_path / "none"), "words")
    with pytest.raises(UnknownName, match="none of the modules mood, pick"):
        question(made.experiment, Store(tmp_path), "words")


def test_nothing_to_rank_by_is_one_line(made):
    asked = made.question("twin", languages=["qaa"])
    empty = type(measured(asked, made.store))({}, {})
    with pytest.raises(DataError, match="twin trains nothing"):
        recommend(asked, empty, 100, made.context)


def test_modules_are_split_at_commas_outside_brackets():
    assert split("mnli, chain(a, merge(b, c; weights=[1, 2])),squad") == [
        "mnli",
        "chain(a, merge(b, c; weights=[1, 2]))",
        "squad",
    ]
    assert split("") == []


@pytest.mark.parametrize("kept", [0, 1])
def test_too_few_rows_to_look_at_are_one_line(made, monkeypatch, kept):
    """Refused before anything else is looked at."""
    asked = made.question("quiz")
    monkeypatch.setattr(methods, "_text", lambda *_: pytest.fail("it came later than the texts"))
    answered = [row for row in features.sample(asked.training, 100, made.context) if row.answers]
    monkeypatch.setattr(methods, "sample", lambda *_: [*answered[:kept], replace(answered[0], answers=())])
    with pytest.raises(
        DataError, match=rf"quiz: {kept} training rows? with an answer of {kept + 1}"
    ) as raised:
        told(made, "quiz")
    assert raised.value.code == 4 and "\n" not in raised.value.message


@pytest.mark.slow
def test_the_command_says_it_as_text_and_as_json(made):
    place = ("--experiment", str(made.file), "--store", str(made.store.root), "--rows", "50")
    done = here("recommend", "quiz", *place, "--json")
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)["targets"]
    assert {each["module"]: each["measured_gain"] for each in found["ranking"]} == {"mood": 2.0, "pick": 20.0}
    assert {each["by"] for each in found["regret"]} >= {"LogME", "probe", "random", "other targets"}
    shown = here("recommend", "quiz", "words", "quiz", *place, "--modules", "mood,pick")
    assert "Mean regret" in shown.stdout and "Modules for words" in shown.stdout
    assert shown.stdout.count("Modules for quiz") == 1
    wrong = here("recommend", "quizz", *place)
    assert wrong.returncode == 3 and wrong.stderr.startswith("error: recommend: no task 'quizz'")
