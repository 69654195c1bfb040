"""The page as text: every number with its digest, nothing from elsewhere, small enough to mail."""

import re

import pytest

from xadapt.report import whole

from . import fakes


@pytest.fixture
def page(asked, store) -> str:
    fakes.fill(asked, store)
    return whole.read(asked, "e", store).text("html", {})


def test_every_score_stands_in_the_page_with_its_digest(asked, page):
    assert all(cell.score.digest[:8] in page for cell in asked.cells() if cell.score)


def test_the_page_needs_no_network(page):
    assert not re.search(r"https?://|@import|<link|<img|<iframe|src=|url\(", page)


def test_cells_of_the_map_have_their_gain_and_interval(page):
    cell = re.search(r"<td class='(\w+)[^>]*title='stack\(mnli\) small on pawsx: ([^ ]+) over alone", page)
    assert cell.groups() == ("p4", "+20.0")
