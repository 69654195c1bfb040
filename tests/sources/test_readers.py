"""Formats: the same rows from each, classes by name, a bad line named, memory that does not grow."""

import gzip
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.sources.written import write_parquet, write_rows
from xadapt.errors import DataError
from xadapt.sources import classes, readers

COLUMNS = [suffix for suffix in readers.SUFFIXES if not suffix.startswith(".txt")]
"""The formats that have columns."""
ROWS = [{"text": 'a, "b"\tc', "label": "x"}, {"text": "日本\u2028語", "label": "y"}]
FEATURES = {
    "text": {"dtype": "string", "_type": "Value"},
    "label": {"names": ["no", "yes"], "_type": "ClassLabel"},
    "tags": {"feature": {"names": ["A", "B"], "_type": "ClassLabel"}, "_type": "List"},
    "deep": {"kind": {"names": ["k"], "_type": "ClassLabel"}, "n": {"dtype": "int64", "_type": "Value"}},
    "old": [{"names": ["o", "p"], "_type": "ClassLabel"}],
    "count": {"num_classes": 3, "_type": "ClassLabel"},
}


def write(folder: Path, suffix: str, rows: Sequence[dict[str, Any]] = ROWS) -> Path:
    return write_rows(folder, "rows", suffix, rows)


def read(path: Path, names: classes.Names | None = None) -> list[tuple[str, dict[str, Any]]]:
    return list(readers.read(path, path.name, names or {}))


@pytest.mark.parametrize("suffix", COLUMNS)
def test_every_format_gives_the_same_rows_and_is_counted(suffix: str, tmp_path: Path) -> None:
    tab = suffix.startswith(".tsv")
    rows = [{**row, "text": row["text"].replace("\t", " ")} for row in ROWS] if tab else ROWS
    path = write(tmp_path, suffix, rows)
    assert [row for _, row in read(path)] == rows
    assert readers.count(path) == 2 and readers.suffix(path.name) == suffix


@pytest.mark.parametrize("suffix", COLUMNS)
def test_a_place_is_the_line_of_the_file_in_parquet_the_row(suffix: str, tmp_path: Path) -> None:
    rows = [{"text": "a", "label": "x"}] * 3
    first = 2 if suffix[:4] in (".csv", ".tsv") else 1
    places = [place for place, _ in read(write(tmp_path, suffix, rows))]
    assert places == [f"rows{suffix}:{first + number}" for number in range(3)]


@pytest.mark.parametrize("suffix", [".txt", ".txt.gz"])
def test_a_line_of_plain_text_is_a_row(suffix: str, tmp_path: Path) -> None:
    path, text = tmp_path / f"rows{suffix}", "a\u2028b \r\n\n日本\n"
    path.write_bytes(gzip.compress(text.encode()) if suffix.endswith(".gz") else text.encode())
    lines = [{"text": "a\u2028b "}, {"text": ""}, {"text": "日本"}]
    assert read(path) == [(f"rows{suffix}:{number}", line) for number, line in enumerate(lines, 1)]


def test_a_value_over_several_lines_is_placed_at_its_first(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('\ufefftext,label\n"a\nb",x\nc,y\n', encoding="utf-8")
    assert read(path) == [
        ("rows.csv:2", {"text": "a\nb", "label": "x"}),
        ("rows.csv:4", {"text": "c", "label": "y"}),
    ]


def test_a_quotation_mark_in_tabs_is_text(tmp_path: Path) -> None:
    path = tmp_path / "rows.tsv"
    path.write_text('a\tb\n"x\ty\nz\tw"\n', encoding="utf-8")
    assert [row for _, row in read(path)] == [{"a": '"x', "b": "y"}, {"a": "z", "b": 'w"'}]


def test_a_long_value_is_read_whole(tmp_path: Path) -> None:
    path = write(tmp_path, ".csv", [{"text": "a" * 300_000, "label": "x"}])
    assert len(read(path)[0][1]["text"]) == 300_000


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.csv", b"a,b\n1,2\n1,2,3\n", r"^a\.csv:3: 3 values for 2 columns$"),
        ("a.csv", b'a,b\n1,"2\n', r"^a\.csv:2: not a table \(unexpected end"),
        ("a.csv", b"a,a\n1,2\n", r"^a\.csv:1: expected a header, each column named once$"),
        ("a.csv", b"", r"^a\.csv:1: expected a header"),
        ("a.tsv", b"a\tb\n1\t\xff\n", r"^a\.tsv:2: not UTF-8 \(byte 3\)$"),
        ("a.jsonl", b'{"a": 1}\n{"a": \n', r"^a\.jsonl:2: not JSON"),
        ("a.jsonl", b'{"a": 1}\n\n{"a": \n', r"^a\.jsonl:3: not JSON"),
        ("a.jsonl", b'{"a": ' + b"[" * 100_000, r"^a\.jsonl:1: not JSON"),
        ("a.csv", b"a,b\n\n1,2,3\n", r"^a\.csv:3: 3 values for 2 columns$"),
        (
            "a.jsonl.gz",
            gzip.compress(b'{"a": 1}\n' * 900, mtime=0)[:-12],
            r"^a\.jsonl\.gz:\d+: not a whole gzip file",
        ),
        ("a.jsonl.gz", b'{"a": 1}\n', r"^a\.jsonl\.gz:1: not a whole gzip file"),
        ("a.parquet", b"PAR1 or not", r"^a\.parquet: not a parquet file"),
    ],
)
def test_a_broken_file_names_its_line(name: str, data: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=said):
        read(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "text", "lines"),
    [
        ("a.jsonl", '\ufeff{"a": "1"}\n\n{"a": "2"}\n \n', (1, 3)),
        ("a.csv", '\ufeffa\n1\n\n"2"\n\n', (2, 4)),
    ],
)
def test_empty_lines_and_a_byte_order_mark_are_no_rows(
    name: str, text: str, lines: tuple[int, int], tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    first, second = (f"{name}:{line}" for line in lines)
    assert read(tmp_path / name) == [(first, {"a": "1"}), (second, {"a": "2"})]


def test_a_file_that_the_system_does_not_give_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").mkdir()
    with pytest.raises(DataError, match=r"^a\.jsonl: cannot be read \(Is a directory\)$"):
        read(tmp_path / "a.jsonl")


def test_parquet_that_breaks_off_inside_is_one_line(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "a.parquet", [{"text": f"{n} " * 50} for n in range(5000)], group=1000)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 2000] = b"\x00" * 2000
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"^a\.parquet:\d+: cannot be read \(.+\)$"):
        read(path)


def test_class_names_are_found_at_every_depth() -> None:
    assert classes.of_features(FEATURES) == {
        "label": ("no", "yes"),
        "tags": ("A", "B"),
        "deep.kind": ("k",),
        "old": ("o", "p"),
    }


def test_parquet_gives_classes_by_name(tmp_path: Path) -> None:
    rows = [
        {"label": 1, "tags": [1, 0], "deep": {"kind": 0, "n": 5}, "count": 2},
        {"label": -1, "tags": [], "deep": {"kind": -1, "n": 0}, "count": 0},
        {"label": None, "tags": None, "deep": None, "count": None},
    ]
    path = write_parquet(tmp_path / "a.parquet", rows, FEATURES)
    assert [row for _, row in read(path, {"label": ("not", "these")})] == [
        {"label": "yes", "tags": ["B", "A"], "deep": {"kind": "k", "n": 5}, "count": 2},
        {"label": -1, "tags": [], "deep": {"kind": -1, "n": 0}, "count": 0},
        {"label": None, "tags": None, "deep": None, "count": None},
    ]


@pytest.mark.parametrize("suffix", COLUMNS)
def test_names_of_the_card_serve_files_without_their_own(suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path, suffix, [{"text": "7", "label": number} for number in (1, 0, -1)])
    found = [row["label"] for _, row in read(path, {"label": ("no", "yes")})]
    assert found == ["yes", "no", -1]


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_a_number_without_a_name_is_an_error_with_its_place(suffix: str, tmp_path: Path) -> None:
    path = write(tmp_path, suffix, [{"label": 1}, {"label": 2}])
    with pytest.raises(DataError, match=rf"^rows\{suffix}:2: field 'label': 2 is none of the 2 classes$"):
        read(path, {"label": ("no", "yes")})


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".csv", ".parquet"])
def test_memory_does_not_grow_with_rows(suffix: str, tmp_path: Path) -> None:
    peaks = []
    for count in (10_000, 50_000):
        folder = tmp_path / str(count)
        folder.mkdir()
        path = write(folder, suffix, [{"text": f"{n} " * 40, "label": "x"} for n in range(count)])
        tracemalloc.start()
        before = pa.total_allocated_bytes()
        most = 0
        for number, _ in enumerate(readers.read(path, path.name, {})):
            if number % 500 == 0:
                most = max(most, pa.total_allocated_bytes() - before)
        peaks.append(tracemalloc.get_traced_memory()[1] + most)
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0] + 200_000, peaks
