"""The benchmark in the report: its averages, its marks, and who may stand beside whom."""

import json
from dataclasses import replace

import pytest

from xadapt.report import markdown, summary
from xadapt.report.content import sections
from xadapt.report.standing import board
from xadapt.report.table import BASELINE, results

from . import fakes

LARGE = """
[model]
name = "FacebookAI/xlm-roberta-large"
[recipe.small]
method = { name = "bottleneck", reduction_factor = 16 }
[intermediate]
tasks = ["mnli", "squad"]
[target]
tasks = ["pawsx", "xquad", "tatoeba"]
compositions = ["alone", "stack(mnli)"]
"""


def filled(folder, store, text=LARGE):
    """An experiment all of whose scores are there."""
    asked = fakes.load(folder, text)
    fakes.fill(asked, store)
    return asked


def standing(made, composition):
    return next(each for each in made.standings if each.row[0] == composition)


def section(asked, store, title):
    found = results(asked.cells(), store)
    return next((each for each in sections(found, False, board(asked, found)) if each.title == title), None)


def test_averages_have_english_in_and_count_what_the_experiment_lacks(tmp_path, store):
    asked = filled(tmp_path, store)
    made = board(asked, results(asked.cells(), store))
    found = standing(made, "alone").averages
    # 20 of 50 items are right in every language, 28 in English, which Tatoeba has not.
    pawsx, xquad, tatoeba = (6 * 40 + 56) / 7, (10 * 40 + 56) / 11, 40
    assert found.tasks["pawsx"].value == pytest.approx(pawsx)
    assert found.tasks["xquad"].value == pytest.approx(xquad), "the mean of exact match and F1"
    assert found.groups["classification"].value == pytest.approx(pawsx)
    assert (found.groups["classification"].over, found.groups["classification"].of) == (7, 22)
    assert found.overall.value == pytest.approx((pawsx + xquad + tatoeba) / 3)
    assert found.overall.over == 7 + 11 + 36 and found.overall.of > found.overall.over
    shown = section(asked, store, "XTREME")
    row = dict(zip(shown.head, next(row for row in shown.rows if row[0] == "alone"), strict=True))
    assert row["classification"] == "42.3 (7/22)" and row["tagging"] == "missing"
    assert "not in this experiment: xnli" in section(asked, store, "XTREME by task").note.lower()


def test_a_task_without_a_score_says_why(tmp_path, store):
    asked = fakes.load(tmp_path, LARGE)
    for cell in asked.cells():
        if cell.score is not None and (cell.task, cell.composition) != ("xquad", "stack(mnli)"):
            collapsed = (cell.task, cell.composition) == ("pawsx", "alone")
            fakes.write(store, cell.score, fakes.right(cell), collapsed=collapsed)
        elif cell.score is not None:
            store.note_failure(cell.score, ValueError("boom"))
    by_task = {row[0]: row[1:] for row in section(asked, store, "XTREME by task").rows}
    assert by_task["alone"][0] == "collapsed" and by_task["stack(mnli)"][1] == "failed"
    head, *_ = (shown := section(asked, store, "XTREME")).head, shown.rows
    rows = {row[0]: dict(zip(head, row, strict=True)) for row in shown.rows}
    assert rows["alone"]["classification"] == "collapsed" and rows["stack(mnli)"]["qa"] == "failed"
    assert rows["alone"]["overall"].endswith("(47/162)"), "other tasks than those of the next"
    assert rows["stack(mnli)"]["overall"].endswith("(43/162)")
    facts = summary.benchmark(board(asked, results(asked.cells(), store)))
    alone = next(each for each in facts["rows"] if each["composition"] == "alone")
    assert alone["tasks"]["pawsx"]["status"] == "collapsed" and "status" not in alone["tasks"]["xquad"]


def test_a_row_that_collapsed_everywhere_is_shown_all_the_same(tmp_path, store):
    asked = fakes.load(tmp_path, LARGE)
    for cell in asked.cells():
        if cell.score is not None:
            fakes.write(store, cell.score, fakes.right(cell), collapsed=cell.composition == "alone")
    rows = {row[0]: row[1:] for row in section(asked, store, "XTREME").rows}
    assert rows["alone"][0] == "collapsed" and rows["alone"][1] == ""


def test_gains_are_over_alone_in_the_tasks_that_both_have(tmp_path, store):
    asked = filled(tmp_path, store)
    made = board(asked, results(asked.cells(), store))
    gain = standing(made, "stack(mnli)").gain
    value, low, high = gain.interval
    assert value == pytest.approx(20) and low < 20 < high and low > 10 and gain.over == 54 < gain.of
    assert standing(made, "alone").gain is None and standing(made, "baseline").gain is None
    gone = next(c for c in asked.cells() if (c.task, c.composition, c.language) == ("xquad", "alone", "el"))
    store.quarantine(gone.score.digest)
    again = standing(board(asked, results(asked.cells(), store)), "stack(mnli)").gain
    assert again.over == 54 - 11, "the two have other languages of XQuAD"


def test_published_rows_stand_beside_the_same_encoder_with_f1_alone(tmp_path, store):
    asked = filled(tmp_path, store)
    shown = section(asked, store, "Beside published XTREME")
    assert shown.head == ("row", "pawsx", "xquad", "tatoeba")
    rows = {row[0]: row[1:] for row in shown.rows}
    assert rows["X-STILTs"] == ("87.7", "77.2", "") and rows["XLM-R Large"] == ("86.4", "76.6", "")
    assert rows["alone"] == ("42.3", "51.5", "40.0"), "XQuAD is 41.5 with exact match counted, F1 10 above"
    assert "baseline" not in rows and "F1 alone" in shown.note and "full fine-tuning" in shown.note


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "FacebookAI/xlm-roberta-large"', 'name = "FacebookAI/xlm-roberta-base"'),
        ("[recipe", "[data]\ntest_rows = 100\n[recipe"),
        ("[recipe", "[data]\ntrain_rows = 100\n[recipe"),
        ("[recipe", "[data.task.mnli]\ntrain_rows = 100\n[recipe"),
        ("[recipe", '[data]\nlanguages = ["en", "de", "el", "ru"]\n[recipe'),
        ("[target]", '[target]\nbenchmark = "xtreme-r"'),
    ],
    ids=["encoder", "test rows", "training rows", "intermediate rows", "languages", "benchmark"],
)
def test_nothing_else_stands_beside_published_rows(tmp_path, store, old, new):
    asked = filled(tmp_path, store, LARGE.replace(old, new, 1))
    found = results(asked.cells(), store)
    assert all(not each.comparable for each in board(asked, found).standings)
    assert "X-STILTs" not in markdown.page("e", found, board(asked, found))


def test_the_toy_world_says_so_and_never_stands_beside_published_rows(tmp_path, store):
    asked = filled(tmp_path, store, fakes.TEXT)
    found = results(asked.cells(), store)
    made = board(asked, found)
    assert made.title == "XTREME in the toy world" and made.published == ()
    assert made.tasks == ("pawsx", "tatoeba"), "XCOPA is of XTREME-R"
    page = markdown.page("e", found, made)
    assert "X-STILTs" not in page and "## XTREME in the toy world by task" in page


def test_an_incomplete_task_leaves_the_comparison_and_others_stay(tmp_path, store):
    asked = filled(tmp_path, store)
    gone = next(c for c in asked.cells() if (c.task, c.composition, c.language) == ("pawsx", "alone", "ko"))
    store.quarantine(gone.score.digest)
    rows = {row[0]: row[1:] for row in section(asked, store, "Beside published XTREME").rows}
    assert rows["alone"] == ("", "51.5", "40.0") and rows["stack(mnli)"][0] == "62.3"
    by_task = {row[0]: row[1] for row in section(asked, store, "XTREME by task").rows}
    assert by_task["alone"] == "40.0 (6/7)".replace("40.0", "42.7")


def test_limited_tasks_mark_every_average_above_them(tmp_path, store):
    asked = filled(tmp_path, store, LARGE.replace("[recipe", "[data.task.pawsx]\ntest_rows = 9\n[recipe", 1))
    by_task = {row[0]: row[1:] for row in section(asked, store, "XTREME by task").rows}
    assert by_task["alone"] == ("42.3*", "41.5", "40.0")
    shown = section(asked, store, "XTREME")
    row = dict(zip(shown.head, shown.rows[-1], strict=True))
    assert "*" in row["overall"] and "*" in row["classification"] and "*" not in row["retrieval"]
    assert "left out" in shown.note


def test_baselines_run_once_whatever_the_seeds(tmp_path, store):
    asked = filled(tmp_path, store, "seeds = [1, 2]\n" + LARGE)
    made = board(asked, results(asked.cells(), store))
    assert made.standings[0].row == BASELINE and made.standings[0].averages.tasks["pawsx"].of == 7
    alone = standing(made, "alone").averages.tasks["pawsx"]
    assert (alone.over, alone.of) == (14, 14)


def test_rows_without_any_score_stand_nowhere(tmp_path, store):
    asked = fakes.load(tmp_path, LARGE)
    made = board(asked, results(asked.cells(), store))
    assert made.standings == () and made.tasks == ("pawsx", "xquad", "tatoeba")
    assert section(asked, store, "XTREME") is None and section(asked, store, "Scores") is not None


def test_no_task_of_the_benchmark_gives_no_board(tmp_path, store):
    asked = fakes.load(tmp_path, fakes.TEXT.replace('["pawsx", "xcopa", "tatoeba"]', '["xcopa"]'))
    assert board(asked, results(asked.cells(), store)) is None


def test_json_has_the_same_numbers(tmp_path, store):
    asked = filled(tmp_path, store)
    found = results(asked.cells(), store)
    facts = json.loads(json.dumps(summary.benchmark(board(asked, found))))
    row = next(each for each in facts["rows"] if each["composition"] == "stack(mnli)")
    assert row["tasks"]["pawsx"] == {"value": pytest.approx(62.29, abs=0.01), "scores": 7, "scores_asked": 7}
    assert row["as_published"]["xquad"] == pytest.approx(71.45, abs=0.01) and row["limited"] == []
    assert row["over_alone"]["value"] == pytest.approx(20) and row["over_alone"]["scores"] == 54
    assert {each["name"] for each in facts["published"]} == {"XLM-R Large", "X-STILTs"}
    assert replace(board(asked, found), standings=()).published == ()


def test_the_difference_to_each_published_row_is_shown(tmp_path, store):
    asked = filled(tmp_path, store)
    rows = {row[0]: row[1:] for row in section(asked, store, "Beside published XTREME").rows}
    assert rows["alone less XLM-R Large"] == ("-44.1", "-25.1", ""), "86.4 and 76.6, to 42.3 and 51.5"
    assert rows["stack(mnli) less X-STILTs"][0] == "-25.4"


def test_published_gains_stand_beside_those_of_the_same_intermediate_task(tmp_path, store):
    shown = section(filled(tmp_path, store), store, "Beside published gains")
    assert [row[0] for row in shown.rows] == ["stack(mnli)"]
    assert shown.rows[0][2:] == ("+7.5", "+12.5") and shown.rows[0][1].startswith("+20.0 [")
    assert "full fine-tuning, development sets" in shown.note


def test_published_gains_never_stand_beside_the_toy_world(tmp_path, store):
    assert section(filled(tmp_path, store, fakes.TEXT), store, "Beside published gains") is None
