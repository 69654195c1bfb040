"""What fusions attend to, as tables and as data: a mean over seeds for each language and layer."""

import json
from io import StringIO

import pytest
from rich.console import Console

from tests.report import fakes
from xadapt.report import attention, markdown, terminal
from xadapt.report.table import Table, results
from xadapt.stages.train import Train

LANGUAGES = ("en", "qaa", "qab")


def weights(cell) -> list:
    """Of two parts in three layers, of which one is left out; other ones for each language and seed."""
    first = (LANGUAGES.index(cell.language) + cell.seed) / 10
    return [[first, 1 - first], [None, None], [first + 0.02, 0.98 - first]]


@pytest.fixture
def found(tmp_path, store):
    """Every score, and beside the predictions of fused targets that are trained, what was attended to."""
    asked = fakes.load(tmp_path, "seeds = [1, 2]\n" + fakes.TEXT)
    fakes.fill(asked, store)
    for cell in asked.cells():
        if cell.composition.startswith("fuse") and isinstance(cell.score.predictions.module, Train):
            with store.writing(cell.score.predictions) as work:
                facts = {"parts": ["mnli", "squad"], "layers": weights(cell)}
                (work.out / attention.FILE).write_text(json.dumps(facts))
    return results(asked.cells(), store)


def test_there_is_one_entry_for_each_cell_of_a_fusion(found, store):
    made = attention.entries(found, store)
    assert len(made) == 2 * 2 * 2 * 3, "recipes, tasks, seeds, languages"
    for entry in made:
        (cell,) = (
            r.cell for r in found if r.cell.score and r.cell.score.predictions.digest == entry["predictions"]
        )
        assert entry["layers"] == weights(cell) and entry["composition"] == "fuse(mnli, squad)"
        assert (entry["task"], entry["language"], entry["seed"]) == (cell.task, cell.language, cell.seed)


def test_a_line_is_the_mean_over_seeds_and_a_layer_that_is_left_out_has_none(found, store):
    tables = attention.sections(attention.entries(found, store), Table.of(found))
    assert [table.title for table in tables] == [
        f"{task}: attention of fuse(mnli, squad) {recipe}"
        for recipe in ("small", "large")
        for task in ("pawsx", "xcopa")
    ]
    assert tables[0].head == ("language", "layer", "mnli", "squad")
    # Of en seeds 1 and 2 have 0.1 and 0.2 in layer 0, 0.02 more in layer 2.
    assert tables[0].rows[:4] == (
        ("en", "all", "0.160", "0.840"),
        ("en", "0", "0.150", "0.850"),
        ("en", "2", "0.170", "0.830"),
        ("qaa", "all", "0.260", "0.740"),
    )
    assert len(tables[0].rows) == 3 * len(LANGUAGES)


def test_the_tables_stand_at_the_end_of_the_report(found, store):
    tables, out = attention.sections(attention.entries(found, store), Table.of(found)), StringIO()
    page = markdown.page("e", found, None, tables)
    assert page.index("## pawsx: attention of fuse(mnli, squad) small") > page.index("## pawsx by language")
    assert "| en | 0 | 0.150 | 0.850 |" in page and "attention" not in markdown.page("e", found)
    terminal.show(found, Console(file=out, width=120), False, None, tables)
    assert "xcopa: attention of fuse(mnli, squad) large" in out.getvalue()


def test_without_a_fusion_there_is_nothing_to_show(asked, store):
    found = results(asked.cells(), store)
    assert attention.sections(attention.entries(found, store), Table.of(found)) == []
