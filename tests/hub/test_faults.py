"""Whatever goes wrong on the way is one clear line with its code, and nothing is half-published."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from huggingface_hub import configure_http_backend, constants

from tests.hub import sharing
from tests.hub.double import Fault
from xadapt.errors import DataError, IntegrityError, Unwritable, XadaptError
from xadapt.hub import faults
from xadapt.hub import push as pushing
from xadapt.sources.asking import Unreachable

STACK = "panx stack(mnli)"


@pytest.fixture
def waited(monkeypatch):
    """Seconds that were waited, without waiting."""
    seconds: list[float] = []
    # The client itself waits too, and so do locks of files.
    monkeypatch.setattr(time, "sleep", lambda _: None)
    monkeypatch.setattr(faults, "sleep", seconds.append)
    monkeypatch.setattr(faults, "monotonic", lambda: sum(seconds))
    return seconds


def nothing(hub, name="me/it"):
    """Whether no one sees a file of it."""
    return hub.commits == 0 and (f"models/{name}" not in hub.repositories or hub.head(name) == {})


@pytest.mark.parametrize("token", [None, "hf_of_someone_else"])
def test_401_says_how_to_log_in_and_never_the_token(place, hub, monkeypatch, tmp_path, token):
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    monkeypatch.delenv("HF_TOKEN") if token is None else monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(Unwritable, match=r"^me/it: the hub .*token \(401\)") as failed:
        sharing.sent(place, STACK)
    assert "HF_TOKEN" in failed.value.hint and "someone_else" not in str(failed.value)
    assert failed.value.code == 2 and nothing(hub)


def test_403_of_a_token_that_may_only_read(place, hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_reader")
    hub.readers.add("hf_reader")
    with pytest.raises(Unwritable, match=r"me/it: this token has no permission \(403\): You do not have"):
        sharing.sent(place, STACK)
    assert nothing(hub)


def test_404_of_a_repository_and_of_a_revision(place, hub, tmp_path):
    with pytest.raises(DataError, match=r"me/nosuch: the hub has no such repository") as failed:
        sharing.taken(tmp_path, "me/nosuch")
    assert failed.value.code == 4 and "HF_TOKEN" in failed.value.hint
    sharing.sent(place, "mnli")
    with pytest.raises(DataError, match=r"me/it@v9: the repository has no such revision"):
        sharing.taken(tmp_path, "me/it@v9")


@pytest.mark.parametrize("status", [409, 412])
def test_others_who_write_at_the_same_time_are_not_overwritten(place, hub, waited, status):
    hub.faults.append(Fault("/commit/", status))
    with pytest.raises(
        Unwritable, match=rf"me/it: someone else writes to it \({status}\); nothing was published"
    ):
        sharing.sent(place, STACK)
    assert nothing(hub) and waited == []


def test_a_commit_in_between_is_refused(place, hub):
    other = sharing.other("me/it")
    other.prepare(False)
    other.files()
    theirs = hub.publish("models/me/it", {"README.md": b"theirs"})
    with pytest.raises(Unwritable, match=r"someone else writes to it \(412\)"):
        other.commit({"README.md": b"mine"}, (), "mine")
    assert hub.repositories["models/me/it"].refs["main"] == theirs


def test_429_waits_as_the_hub_says(place, hub, waited):
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    hub.faults += [
        Fault("/commit/", 429, headers={"Retry-After": "7"}),
        Fault("/preupload/", 429, headers={"Retry-After": later}),
        Fault("/resolve/", 429, headers={"Retry-After": "3"}),
    ]
    sharing.sent(place, STACK)
    assert hub.commits == 1 and sorted(waited)[0] == 7 and 30 < sorted(waited)[1] <= 40
    assert len(sharing.taken(place.folder)[1]) == 2 and waited[2:] == [3]


def test_429_for_longer_than_an_hour_is_an_error(place, hub, waited):
    hub.faults.append(Fault("/commit/", 429, headers={"Retry-After": "7200"}))
    with pytest.raises(DataError, match=r"too many requests \(429\), again after 7200"):
        sharing.sent(place, STACK)
    assert nothing(hub) and waited == []


def test_429_is_waited_out_for_an_hour_in_sum(place, hub, waited):
    hub.faults += [
        Fault("/commit/", 429, times=2, headers={"Retry-After": "1500"}),
        Fault("/preupload/", 429, headers={"Retry-After": "900"}),
    ]
    with pytest.raises(DataError, match=r"too many requests \(429\), again after 1500"):
        sharing.sent(place, STACK)
    assert sorted(waited) == [900, 1500] and nothing(hub)


def test_limits_that_are_waited_out_side_by_side_count_once():
    now = [0.0]
    patience = faults.Patience(clock=lambda: now[0])
    assert all(patience.allows(3000) for _ in range(8))
    now[0] = 3000
    assert patience.allows(600) and not patience.allows(601)


def test_the_offline_mode_is_said_at_once(place, hub, waited, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(constants, "HF_HUB_OFFLINE", True)
        configure_http_backend()
        for ask in (lambda: sharing.sent(place, STACK), lambda: sharing.taken(place.folder)):
            with pytest.raises(Unreachable, match="me/it: HF_HUB_OFFLINE is set") as failed:
                ask()
            assert "unset it" in failed.value.hint and waited == [] and hub.asked == []
    configure_http_backend()


@pytest.mark.parametrize("status", [409, 412, 400])
def test_a_later_commit_that_fails_says_what_is_there(place, hub, waited, monkeypatch, status):
    monkeypatch.setattr(pushing, "AT_ONCE", 4)
    made = sharing.whole(place)
    real = type(sharing.other("me/all")).commit

    def commit(self, *rest):
        if hub.commits == 2:
            hub.faults.append(Fault("/commit/", status))
        real(self, *rest)

    monkeypatch.setattr(type(sharing.other("me/all")), "commit", commit)
    with pytest.raises(XadaptError, match=rf"; 8 of {len(made.stages)} stages are there") as failed:
        sharing.sent_all(place)
    assert "nothing" not in failed.value.message
    assert sum(name.endswith("record.json") for name in hub.head("me/all")) == 8


@pytest.mark.parametrize("name", ["experiment.toml", "experiment.lock"])
@pytest.mark.parametrize("content", [b"\xff\xfe", b"[data", b"a = 1\na = 2"])
def test_an_experiment_that_is_none_is_refused(place, hub, name, content):
    sharing.sent(place, STACK)
    hub.publish("models/me/it", dict(hub.head("me/it")) | {name: content})
    with pytest.raises(IntegrityError, match=rf"me/it@\w+/{name}: not (TOML|UTF-8)"):
        sharing.taken(place.folder)
    assert not list((place.folder / "pulled").glob("[0-9a-f][0-9a-f]"))


def test_5xx_is_tried_again_with_back_off(place, hub, waited):
    hub.faults.append(Fault("/commit/", 503, times=2))
    sharing.sent(place, STACK)
    assert hub.commits == 1 and waited == [1, 2]


def test_5xx_that_lasts_is_an_error(place, hub, waited):
    hub.faults.append(Fault("/commit/", 500, times=99))
    with pytest.raises(DataError, match="me/it: the hub answered 500") as failed:
        sharing.sent(place, STACK)
    assert "run the same command again" in failed.value.hint and waited == [1, 2, 4, 8] and nothing(hub)


def test_a_connection_cut_in_the_middle_of_an_upload_continues(place, hub, waited):
    hub.faults += [Fault("PUT /upload/"), Fault("/commit/")]
    sharing.sent(place, STACK)
    assert hub.commits == 1 and len(sharing.taken(place.folder)[1]) == 2


def test_a_connection_that_stays_cut_leaves_nothing(place, hub, waited):
    hub.faults.append(Fault("PUT /upload/", times=10**6))
    with pytest.raises(DataError, match="me/it: the hub cannot be reached, or the connection was cut"):
        sharing.sent(place, STACK)
    assert nothing(hub)


def test_a_commit_whose_answer_was_lost_is_not_made_twice(place, hub, waited):
    hub.faults.append(Fault("/commit/", done=True))
    sharing.sent(place, STACK)
    assert hub.commits == 1 and len(sharing.taken(place.folder)[1]) == 2


def test_an_upload_that_is_stopped_continues_with_what_is_left(place, hub, waited):
    hub.faults.append(Fault("/commit/", 400))
    with pytest.raises(DataError, match="the hub answered 400"):
        sharing.sent(place, STACK)
    uploads = [line for line in hub.asked if line.startswith("PUT")]
    assert uploads and nothing(hub)
    sharing.sent(place, STACK)
    assert [line for line in hub.asked if line.startswith("PUT")] == uploads and hub.commits == 1


def test_a_metadata_error_of_the_hub_is_shown(place, hub, waited):
    hub.faults.append(Fault("validate-yaml", 400))
    with pytest.raises(DataError, match="me/it"):
        sharing.sent(place, STACK)
    assert nothing(hub)


@pytest.mark.parametrize("file", ["adapter.safetensors", "record.json", "head_config.json"])
def test_wrong_bytes_are_refused_by_name(place, hub, file):
    sharing.sent(place, STACK)
    hub.damaged.add(f"{file}")
    with pytest.raises(IntegrityError, match=rf"me/it@\w+/{file}: ") as failed:
        sharing.taken(place.folder)
    store = place.folder / "pulled"
    assert failed.value.code == 5 and not list(store.glob("[0-9a-f][0-9a-f]"))
    assert not list((store / ".pulling").iterdir())
    hub.damaged.clear()
    assert len(sharing.taken(place.folder)[1]) == 2


def changed(hub, change, name="me/it"):
    """The repository with another record at its root."""
    files = dict(hub.head(name))
    record = json.loads(files["record.json"])
    change(record)
    hub.publish(f"models/{name}", files | {"record.json": json.dumps(record).encode()})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: r.update(seconds=-1.0), "changed since it was written"),
        (lambda r: r.update(seal=""), "has no seal"),
        (lambda r: r["fields"].update(seed=7), "its fields give"),
        (lambda r: r.update(digest="../../x"), "is not 64 hex digits"),
        (lambda r: r["files"].update({"../../outside": "0"}), r"'\.\./\.\./outside' does not lie below it"),
        (lambda r: r.update(kind="data"), "kind = 'data'; shared are train"),
        (lambda r: r.clear(), "not a readable record"),
    ],
)
def test_a_record_that_was_changed_is_refused(place, hub, change, said):
    sharing.sent(place, STACK)
    changed(hub, change)
    with pytest.raises(IntegrityError, match=rf"me/it@\w+.*{said}"):
        sharing.taken(place.folder)
    assert not list((place.folder / "pulled").glob("[0-9a-f][0-9a-f]"))


def test_a_file_that_is_not_there_is_named(place, hub):
    sharing.sent(place, STACK)
    files = dict(hub.head("me/it"))
    del files["model_head.safetensors"]
    hub.publish("models/me/it", files)
    with pytest.raises(IntegrityError, match=r"me/it@\w+/model_head\.safetensors: missing"):
        sharing.taken(place.folder)


def test_two_who_pull_at_once_do_no_harm(place, hub):
    sharing.sent(place, STACK)
    with ThreadPoolExecutor(2) as pool:
        # A thread by itself would keep its error to itself.
        for run in [pool.submit(sharing.taken, place.folder) for _ in range(2)]:
            run.result()
    store, found = sharing.taken(place.folder)
    assert not any(each.new for each in found) and not any(error for _, error in store.verify())
