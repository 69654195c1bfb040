"""Folders of this machine: where files lie until they are whole, and how a folder is called."""

import fcntl
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.hub import sharing
from xadapt.errors import ConfigError, Unwritable
from xadapt.hub import address, remote

STACK = "panx stack(mnli)"


def test_nothing_lies_outside_of_the_folder_before_it_is_whole(place, tmp_path, monkeypatch):
    where = tmp_path / "lab"
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nosuch"))
    moves, real = [], os.replace

    def replace(source, to, **more):
        moves.append((Path(source), Path(to)))
        real(source, to, **more)

    monkeypatch.setattr(os, "replace", replace)
    sharing.sent(place, STACK, where.as_uri())
    own = [to for source, to in moves if to.is_relative_to(where)]
    assert {path for path in where.rglob("*") if path.is_file()} == set(own)
    assert all(source.is_relative_to(where) for source, to in moves if to in own)
    names = [path.name for path in own]
    assert names[-2:] == ["record.json"] * 2 and names.count("record.json") == 2


KILLED = """
import os, signal, sys
from pathlib import Path
from xadapt.hub import address, remote
other = remote.at(address.parse(sys.argv[1]), print)
other.prepare(False)
def stopped(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
os.replace = stopped
other.commit({"a": b"whole", "b": b"whole"}, (), "")
"""


def test_what_a_killed_push_left_is_not_seen_and_goes(tmp_path):
    where = tmp_path / "lab"
    done = subprocess.run([sys.executable, "-c", KILLED, where.as_uri()], check=False)
    assert done.returncode == -9
    left = [path for path in where.rglob("*") if path.is_file()]
    other = sharing.other(where.as_uri())
    assert left and other.files() == {}
    other.commit({"a": b"whole"}, (), "")
    assert [path.name for path in where.rglob("*")] == ["a"] and other.files().keys() == {"a"}


def test_two_pushes_into_one_folder_do_not_mix(tmp_path):
    other = sharing.other((tmp_path / "lab").as_uri())
    other.prepare(False)
    held = os.open(tmp_path / "lab", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    with pytest.raises(Unwritable, match="someone else writes to it"):
        other.commit({"a": b"mine"}, (), "")
    os.close(held)
    other.commit({"a": b"mine"}, (), "")
    assert (tmp_path / "lab" / "a").read_bytes() == b"mine"


@pytest.mark.parametrize("name", ["lab dir", "größe", "50%20", "a#b"])
def test_a_folder_is_called_as_its_uri_says(place, tmp_path, name):
    folder = tmp_path / name
    sharing.sent(place, "mnli", folder.as_uri())
    assert (folder / "record.json").is_file() and [each.name for each in tmp_path.iterdir()] == [name]
    assert f'load_adapter("{folder}"' in (folder / "README.md").read_text()
    assert f"xadapt pull {folder.as_uri()}\n" in (folder / "README.md").read_text()
    assert len(sharing.taken(tmp_path, folder.as_uri().replace("file:", "FILE:"))[1]) == 1


@pytest.mark.parametrize("text", ["file:///lab/%FF", "file:///lab/%00", "FILE://lab"])
def test_a_folder_that_no_uri_means(text):
    with pytest.raises(ConfigError):
        address.parse(text)


@pytest.mark.parametrize("below", ["", "/deep/it"])
def test_a_file_is_no_folder(place, tmp_path, below):
    (tmp_path / "plain").write_text("mine")
    with pytest.raises(ConfigError, match=r"plain: is a file, no folder") as failed:
        sharing.sent(place, "mnli", f"file://{tmp_path}/plain{below}")
    assert "Errno" not in failed.value.message and (tmp_path / "plain").read_text() == "mine"
    with pytest.raises(ConfigError, match=r"plain: is a file, no folder"):
        sharing.taken(tmp_path, f"file://{tmp_path}/plain{below}")


@pytest.mark.parametrize("text", ["owner/a--b", "ownér/x", "me/x.", "me/x.git", "me/" + "a" * 97, "me/ｘ"])
def test_what_the_hub_calls_no_name_is_no_address(text):
    with pytest.raises(ConfigError, match="is no address"):
        remote.at(address.parse(text), print)
