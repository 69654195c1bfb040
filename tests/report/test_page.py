"""The page as text: every number with its digest, nothing from elsewhere, small enough to mail."""

import re

import pytest

from xadapt.report import whole
from xadapt.report.page import document, drill
from xadapt.report.table import Table, results

from . import fakes, grids


def gain(page: str, row: str, task: str) -> tuple[str, str, str]:
    """Class, gain and interval of a cell of the zero-shot map."""
    heat = page[page.index("id='gain-zero-shot'") :]
    line = heat[heat.index(f"<th scope=row>{row}<".replace("(", "(<wbr>")) :].split("<tr ")[0]
    cell = re.search(rf"<td class=(\w+) [^>]*><a href='#in-{task}'>([^<]+)</a><i>([^<]+)</i>", line)
    return cell[1], cell[2], cell[3]


@pytest.fixture
def page(asked, store) -> str:
    fakes.fill(asked, store)
    return whole.read(asked, "e", store).text("html", {})


def test_every_score_stands_in_the_page_with_its_digest(asked, page):
    assert all(cell.score.digest[:8] in page for cell in asked.cells() if cell.score)
    assert "xadapt explain DIGEST" in page


def test_the_page_needs_no_network(page):
    assert not re.search(r"https?://|@import|<link|<img|<iframe|src=|url\(|fetch\(", page)


def test_cells_of_the_map_have_their_gain_and_interval(page):
    assert gain(page, "stack(mnli) small", "pawsx")[:2] == ("p4", "+20.0†")


def test_a_difference_that_may_be_none_is_hatched(asked, store):
    """Of fifty items three fewer in one language, one more in the other."""
    for cell in asked.cells():
        if cell.score is not None:
            fakes.write(store, cell.score, fakes.right(cell) if cell.composition == "alone" else 21)
    page = whole.read(asked, "e", store).text("html", {})
    assert gain(page, "stack(mnli) small", "xcopa")[:2] == ("N2", "−2.0")


def test_failed_and_limited_cells_come_before_every_number(asked, store):
    train = next(c.score for c in asked.cells() if c.composition == "stack(mnli)").predictions.module
    store.note_failure(train, RuntimeError("loss <nan> at step 3"))
    fakes.fill(asked, store)
    for cell in asked.cells():
        if cell.score is not None and cell.composition == "stack(mnli)" and cell.task == "pawsx":
            store.quarantine(cell.score.digest)
    page = whole.read(asked, "e", store).text("html", {})
    first = page.index("loss &lt;nan&gt; at step 3")
    assert first < page.index("Gain over alone") and "loss <nan>" not in page
    row = page[page.rindex("<tr>", 0, first) : first]
    assert "en, qaa, qab" in row, "one line for all languages"


def test_selections_stand_in_groups_of_their_own_and_are_never_averaged(tmp_path, store):
    chosen = '[recipe.large]\nselect = "average"\ntask = { pawsx = { select = "oracle" } }\n'
    asked = fakes.load(tmp_path, fakes.TEXT.replace("[recipe.large]\n", chosen))
    fakes.fill(asked, store)
    page = whole.read(asked, "e", store).text("html", {})
    heat = page[page.index("id='gain-zero-shot'") : page.index("</table>", page.index("id='gain-zero-shot'"))]
    groups = heat.split("<tbody>")[1:]
    assert [re.search("rowgroup[^>]*>([^:<]+)", part)[1] for part in groups] == [
        "Weights of the last step",
        "Weights averaged over the snapshots",
        "Snapshot selected on development data of the test language",
    ]
    assert groups[-1].count("1 of 3 targets") == 2, "the mean of an oracle has its own target alone"


def test_a_language_says_of_several_seeds_what_the_table_says(tmp_path, store):
    """One seed is at chance, another has failed: neither is hidden in a mean."""
    asked = fakes.load(tmp_path, "seeds = [1, 2, 3]\n" + fakes.TEXT)
    own = [c for c in asked.cells() if (c.task, c.composition, c.recipe) == ("pawsx", "alone", "small")]
    for cell in own:
        if cell.seed == 1:
            store.note_failure(cell.score.predictions.module, RuntimeError("loss nan"))
        elif cell.score not in store:
            fakes.write(store, cell.score, 20 + cell.seed, at_chance=cell.seed == 3)
    table = Table.of(results(own, store))
    page = drill.target("pawsx", table)
    assert re.findall(r"<td>(4[^<]*)<u>", page) == ["45.0~ (2/3)"] * 3
    assert table.cell(table.rows[0], "pawsx", "en").text() == "45.0~ (2/3)"


@pytest.mark.slow
def test_the_grid_of_nine_by_nine_by_forty_stays_below_500_kilobytes(tmp_path):
    found = grids.results(tmp_path)
    page = document("grid", found, None, grids.behind(), {"encoder": "xlm-roberta-large"})
    assert len(page.encode()) < 500_000
    assert len(found) == 10 * 9 * 40 and all(result.digest[:8] in page for result in found)


def test_an_empty_store_gives_a_page_that_says_so(asked, store):
    page = document("e", results(asked.cells(), store), None, grids.behind(), {})
    assert "68 of 68 cells have not run" in page and "id='gain-zero-shot'" not in page


@pytest.mark.parametrize("form", ["markdown", "csv", "json", "latex", "html"])
def test_every_form_has_the_gain_or_the_scores_it_comes_from(asked, store, form):
    fakes.fill(asked, store)
    text = whole.read(asked, "e", store).text(form, {})
    expected = {"csv": "pawsx,qaa,Toy,Latin,stack(mnli),small", "json": '"over_alone"', "html": "+20.0"}
    assert expected.get(form, "+20.0") in text
