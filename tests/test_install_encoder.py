"""The pretrained encoder goes into the package by its digest, whatever else lies in the store."""

import pytest

from tests.workflow.fakes import Word
from xadapt.errors import IntegrityError, UnknownName
from xadapt.experiment.install_encoder import encoder, install
from xadapt.workflow.store import Store


@pytest.fixture
def store(tmp_path) -> Store:
    store = Store(tmp_path / "runs")
    for text in ("new", "old"):
        with store.writing(Word(text=text)) as work:
            (work.out / "text.txt").write_text(text)
            (work.out / "curve.json").write_text("[]")
    return store


def test_it_is_that_of_the_stage_among_several(store, tmp_path):
    home = tmp_path / "home"
    install(Word(text="old"), store, home)
    install(Word(text="new"), store, home)
    assert sorted(path.name for path in home.iterdir()) == ["record.json", "text.txt"]
    assert (home / "text.txt").read_text() == "new"


def test_what_is_not_there_or_was_changed_leaves_the_package_as_it_is(store, tmp_path):
    home = tmp_path / "home"
    install(Word(text="old"), store, home)
    with pytest.raises(UnknownName, match=r"encoder .* is not in the store"):
        install(encoder(), store, home)
    (store.folder(Word(text="new").digest) / "text.txt").write_text("other")
    with pytest.raises(IntegrityError):
        install(Word(text="new"), Store(store.root), home)
    assert (home / "text.txt").read_text() == "old"
