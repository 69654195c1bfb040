"""`s3://` against a server of S3 on this machine, through the real client."""

import logging
from importlib import util

import pytest

from tests.hub import sharing
from tests.hub.test_round_trip import FUSE, STACK
from xadapt.errors import ConfigError, DataError, IntegrityError, Unwritable
from xadapt.hub import bundle

NEEDED = ("s3fs", "moto", "flask", "flask_cors")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        any(util.find_spec(name) is None for name in NEEDED),
        reason="s3fs or the server double is not installed: pip install 'xadapt[dev]'",
    ),
]
BUCKET = "lab"


@pytest.fixture(scope="module")
def server():
    """A server, by its URL."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    made = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    made.start()
    host, port = made.get_host_and_port()
    yield f"http://{host}:{port}"
    made.stop()


@pytest.fixture
def s3(server, monkeypatch, tmp_path):
    """A client of it, for which there is an empty bucket; this process takes the server for S3."""
    import boto3

    for name in ("CONFIG_FILE", "SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(f"AWS_{name}", str(tmp_path / "none"))
    for name, value in {
        "ENDPOINT_URL": server,
        "ACCESS_KEY_ID": "a",
        "SECRET_ACCESS_KEY": "b",
        "DEFAULT_REGION": "us-east-1",
        "EC2_METADATA_DISABLED": "true",
        "MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    made = boto3.client("s3")
    made.create_bucket(Bucket=BUCKET)
    yield made
    for name in names(made):
        made.delete_object(Bucket=BUCKET, Key=name)
    made.delete_bucket(Bucket=BUCKET)


def names(s3):
    """What lies in the bucket."""
    return [each["Key"] for each in s3.list_objects_v2(Bucket=BUCKET).get("Contents", ())]


@pytest.mark.parametrize("at", ["deep/it", ""])
def test_a_module_goes_and_comes_back_and_is_not_sent_twice(place, s3, at):
    where = f"s3://{BUCKET}/{at}".rstrip("/")
    done = sharing.sent(place, STACK, where)
    assert done.written == len(names(s3)) > 10
    assert all(name.startswith(at) for name in names(s3))
    store, found = sharing.taken(place.folder, where)
    for title in (f"train {STACK}", "train mnli alone"):
        stage = place.named(title)
        for path in place.store.path(stage).iterdir():
            assert (store.path(stage) / path.name).read_bytes() == path.read_bytes()
    assert len(found) == 2
    assert sharing.sent(place, STACK, where).written == 0
    assert sharing.sent(place, "mnli", where).removed > 0 and not any("parts/" in each for each in names(s3))


@pytest.mark.slow
def test_an_experiment_goes_and_is_there_for_a_run(place, s3):
    where = f"s3://{BUCKET}/all"
    sharing.sent_all(place, where)
    store, _ = sharing.taken(place.folder, where)
    assert {stage.kind for stage in place.plan.missing(store)} == {"data"}
    assert sharing.sent_all(place, where).written == 0


def test_a_bucket_that_is_not_there_is_not_made(place, s3):
    for ask in (
        lambda: sharing.sent(place, "mnli", "s3://lav/it"),
        lambda: sharing.taken(place.folder, "s3://lav/it"),
    ):
        with pytest.raises(DataError, match=r"^s3://lav/it: there is no bucket 'lav'"):
            ask()
    assert [each["Name"] for each in s3.list_buckets()["Buckets"]] == [BUCKET]
    with pytest.raises(ConfigError, match="--private: who may read"):
        sharing.sent(place, "mnli", f"s3://{BUCKET}/it", private=True)


def test_without_credentials_the_hint_says_which(place, s3, monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(DataError, match=r"^s3://lab/it: Unable to locate credentials") as failed:
        sharing.sent(place, "mnli", "s3://lab/it")
    assert failed.value.code == 4 and "AWS_ACCESS_KEY_ID" in failed.value.hint


@pytest.mark.slow
def test_a_server_that_does_not_answer_is_named(place, s3, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(DataError, match=r"^s3://lab/it: Could not connect to the endpoint URL") as failed:
        sharing.sent(place, "mnli", "s3://lab/it")
    assert "run the same command again" in failed.value.hint


@pytest.mark.parametrize(("call", "left"), [("create_multipart_upload", 0), ("complete_multipart_upload", 5)])
def test_a_push_that_was_cut_is_no_module_and_continues(place, s3, monkeypatch, call, left):
    """While files are sent, nothing is there; while they get their names, their records are last."""
    import s3fs

    real, where, seen = s3fs.S3FileSystem.call_s3, f"s3://{BUCKET}/it", []

    def cut(self, method, *rest, **more):
        if method == call:
            seen.append(method)
            if len(seen) == 6:
                raise KeyboardInterrupt
        return real(self, method, *rest, **more)

    with monkeypatch.context() as patched:
        patched.setattr(s3fs.S3FileSystem, "call_s3", cut)
        with pytest.raises(KeyboardInterrupt):
            sharing.sent(place, STACK, where)
    assert len(names(s3)) == left and not any(name.endswith("record.json") for name in names(s3))
    assert sharing.sent(place, STACK, where).same == left
    assert len(sharing.taken(place.folder, where)[1]) == 2


def test_what_was_changed_there_is_named(place, s3):
    sharing.sent(place, FUSE, f"s3://{BUCKET}/it")
    s3.put_object(Bucket=BUCKET, Key="it/model_head.safetensors", Body=b"head X")
    with pytest.raises(IntegrityError, match=r"^s3://lab/it/model_head\.safetensors: changed"):
        sharing.taken(place.folder, f"s3://{BUCKET}/it")
    assert not list((place.folder / "pulled").glob("[0-9a-f][0-9a-f]"))


def test_a_bucket_that_one_may_not_write_to_is_named(place, s3, monkeypatch):
    import s3fs

    def denied(self, method, *rest, **more):
        raise PermissionError(13, "Access Denied")

    monkeypatch.setattr(s3fs.S3FileSystem, "call_s3", denied)
    with pytest.raises(Unwritable, match=r"^s3://lab/it: Access Denied"):
        sharing.sent(place, "mnli", f"s3://{BUCKET}/it")
    assert bundle.CARD not in names(s3)
