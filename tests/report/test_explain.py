"""Explain: from a number back to its data, with the command that makes it again."""

import errno
import json

import pytest

from tests.report import fakes
from xadapt import explain, kept
from xadapt.errors import DoesNotFit, IntegrityError, UnknownName
from xadapt.workflow.plan import Plan


@pytest.fixture
def score(asked, store):
    """A score under stack(mnli) with every stage below it in the store."""
    cell = next(c for c in asked.cells() if (c.task, c.composition) == ("pawsx", "stack(mnli)"))
    for stage in Plan.of([cell.score]).stages[:-1]:
        with store.writing(stage) as work:
            (work.out / "out.txt").write_text(stage.kind)
            work.notes.update({"device": "cpu"} if stage.kind == "train" else {})
    fakes.write(store, cell.score, fakes.right(cell))
    return cell.score


def test_every_stage_below_is_there_once_inputs_deeper(score, store):
    steps = explain.walk(score.digest[:8], store)
    assert [step.kind for step in steps].count("train") == 2
    assert {step.digest for step in steps} == {s.digest for s in Plan.of([score]).stages}
    assert len({step.digest for step in steps}) == len(steps)
    depth = {step.digest: step.depth for step in steps}
    for step in steps:
        assert all(depth[needed] > 0 for needed in step.record.inputs)
    assert steps[0].depth == 0 and steps[0].kind == "score"


def test_lines_show_what_matters_and_no_object_twice(score, store):
    lines = [step.line() for step in explain.walk(score.digest, store)]
    assert "task=pawsx" in lines[0] and "value 76" in lines[0]
    trains = [line for line in lines if line.strip().startswith("train")]
    modules = [line for line in trains if "base=alone" in line]
    assert len(modules) == 1 and "task=mnli" in modules[0] and "seed=1" in modules[0]
    digest = modules[0].split()[1]
    assert any(f"base=stack({digest})" in line for line in trains), "the base is named by its digest"
    assert all("bottleneck(reduction_factor 16" in line for line in trains)
    assert not any("None" in line for line in lines)


def test_what_was_done_to_the_kept_experiment_is_no_fault_of_the_number(asked, score, store):
    path = kept.keep(asked, "some/e.toml", Plan.of(asked.goals()), store)
    (path.parent / "where.json").write_text("[]")
    assert kept.find(score.digest, store) == kept.Kept(path, None)
    (path.parent / "stages.txt").write_bytes(b"\xff\xfe")
    assert kept.find(score.digest, store) is None


def test_a_full_disk_below_the_kept_experiment_is_one_line(asked, store, monkeypatch):
    def full(path, text):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(kept, "write_atomically", full)
    with pytest.raises(DoesNotFit, match="No space left on device"):
        kept.keep(asked, "e.toml", Plan.of(asked.goals()), store)


def test_the_command_runs_the_experiment_as_it_was_kept(asked, score, store, tmp_path):
    step = explain.walk(score.digest, store)[0]
    assert "--only" not in explain.command(step, store), "not kept: the command line as it was typed"
    path = kept.keep(asked, "some/e.toml", Plan.of(asked.goals()), store)
    (tmp_path / "e.toml").unlink()
    command = explain.command(step, store)
    assert command == f"xadapt run {path} --store {store.root} --only {score.digest[:12]} --again"
    from xadapt import experiment

    again = experiment.load(str(path))
    assert [c.score for c in again.cells()] == [c.score for c in asked.cells()]


def test_the_smallest_experiment_that_holds_a_stage_is_named(asked, score, store, tmp_path):
    small = fakes.load(tmp_path, fakes.TEXT.replace('"pawsx", "xcopa", "tatoeba"', '"pawsx"'))
    kept.keep(asked, "large.toml", Plan.of(asked.goals()), store)
    kept.keep(small, "small.toml", Plan.of(small.goals()), store)
    found = kept.find(score.digest, store)
    assert found is not None and found.path.name == "small.toml" and found.data is None
    assert kept.find("0" * 64, store) is None


def test_keeping_twice_keeps_once(asked, store):
    plan = Plan.of(asked.goals())
    assert kept.keep(asked, "e", plan, store) == kept.keep(asked, "e", plan, store)
    assert len(list((store.root / kept.FOLDER).iterdir())) == 1


def test_another_plan_of_the_same_text_leaves_the_old_number_explained(asked, score, store):
    before = kept.keep(asked, "e.toml", Plan.of(asked.goals()), store)
    changed = Plan.of(each for each in asked.goals() if each.digest != score.digest)
    assert kept.keep(asked, "e.toml", changed, store) != before
    found = kept.find(score.digest, store)
    assert found is not None and found.path == before


def test_an_input_that_is_gone_is_said(score, store):
    data = next(stage for stage in Plan.of([score]).stages if stage.kind == "data")
    store.quarantine(data.digest)
    step = next(s for s in explain.walk(score.digest, store) if s.digest == data.digest)
    assert step.record is None and "no longer in the store" in step.line()
    assert step.as_json()["missing"] is True


def test_a_number_that_was_changed_is_not_explained(score, store):
    path = store.folder(score.digest) / "score.json"
    path.write_text(path.read_text().replace("76.0", "99.0"))
    with pytest.raises(IntegrityError, match=r"score.json: changed since"):
        explain.walk(score.digest, store)


def test_a_value_typed_into_the_record_is_found(score, store):
    path = store.folder(score.digest) / "record.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"notes": {"value": 99.0}}))
    with pytest.raises(IntegrityError, match=r"record.json: changed since"):
        explain.walk(score.digest, store)


def test_no_such_digest(store):
    with pytest.raises(UnknownName, match="no such store"):
        explain.walk("ffff", store)
    store.prepare()
    with pytest.raises(UnknownName, match="no digest starts with 'ffff'"):
        explain.walk("ffff", store)


def test_steps_are_json(score, store):
    facts = [step.as_json() for step in explain.walk(score.digest, store)]
    assert json.loads(json.dumps(facts)) == facts
    assert {"digest", "kind", "depth", "fields", "inputs", "notes", "command", "packages"} <= facts[0].keys()
