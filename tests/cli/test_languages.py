"""`xadapt languages`: every language of the targets once, what is known of its adapter, and local folders."""

import json
from pathlib import Path

import pytest

from xadapt.languages import LANGUAGES
from xadapt.sources import adapterhub
from xadapt.tasks import tasks

from .calls import here


def adapter(place: Path, model: str, weights: str = "adapter.safetensors") -> None:
    place.mkdir(parents=True)
    (place / "adapter_config.json").write_text(json.dumps({"model_name": model}))
    (place / weights).write_text("weights")


def test_every_language_of_the_targets_stands_there_once():
    codes = [row.language.code for row in adapterhub.rows("xlm-roberta-large")]
    assert len(codes) == len(set(codes))
    for what in tasks().values():
        if what.role == "target":
            assert {*what.languages, *what.wider} <= set(codes), what.name


def test_the_published_ones_are_of_known_languages_and_stand_in_one_table_only():
    for model in adapterhub.LISTED:
        seen, listed = (table.get(model, "").split() for table in (adapterhub.SEEN, adapterhub.LISTED))
        assert not set(seen) & set(listed) and {*seen, *listed} <= set(LANGUAGES)
        for code in (*seen, *listed):
            known = adapterhub.published(f"FacebookAI/{model}", code)
            assert known is not None and known.verified == (code in seen)
            assert known.hub == f"AdapterHub/{model}-{code}-wiki_pfeiffer"
    assert adapterhub.published("xlm-roberta-large", "de") is None
    assert adapterhub.published("toyworld", "en") is None


def test_the_command_lists_them_with_what_is_known(tmp_path):
    adapter(tmp_path / "sw", "xlm-roberta-base")
    adapter(tmp_path / "German", "FacebookAI/xlm-roberta-base")
    adapter(tmp_path / "th", "xlm-roberta-large")
    adapter(tmp_path / "vi", "xlm-roberta-base", "pytorch_adapter.bin")
    adapter(tmp_path / "notes", "xlm-roberta-base")
    done = here("languages", "--model", "xlm-roberta-base", "--adapters", str(tmp_path), "--json")
    assert done.returncode == 0, done.stderr
    found = {each["code"]: each for each in json.loads(done.stdout)["languages"]}
    assert found["sw"]["local"] == {"folder": str(tmp_path / "sw"), "fault": ""}
    assert found["de"]["local"]["folder"].endswith("German")
    assert found["th"]["local"]["fault"] == "is for xlm-roberta-large"
    assert "pickle" in found["vi"]["local"]["fault"]
    assert found["sw"]["published"] == {
        "hub": "AdapterHub/xlm-roberta-base-sw-wiki_pfeiffer",
        "verified": True,
    }
    assert found["fr"]["published"] is None and found["fr"]["local"] is None
    assert {"code", "name", "family", "script"} <= found["fr"].keys()


def test_people_read_one_line_a_language():
    done = here("languages")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == len(adapterhub.rows("xlm-roberta-large"))
    (chinese,) = [line for line in lines if line.startswith("zh ")]
    assert chinese.split()[:4] == ["zh", "Chinese", "Sino-Tibetan", "Chinese"]
    assert chinese.endswith("AdapterHub/xlm-roberta-large-zh-wiki_pfeiffer (seen)")
    assert "languages have an adapter for xlm-roberta-large" in done.stderr


@pytest.mark.parametrize("folder", ["none", "file"])
def test_a_folder_that_is_none_is_one_line(tmp_path, folder):
    (tmp_path / "file").write_text("")
    done = here("languages", "--adapters", str(tmp_path / folder))
    assert done.returncode == 4 and done.stderr.startswith(f"error: --adapters {tmp_path / folder}: no such")
