"""The formats of data files: parquet, and one JSON object, table row or plain line of text, gzipped or not.

Rows come one by one, so that memory does not grow with a file. Each comes with its place, `file:line`, in
parquet `file:row`.
"""

import csv
import gzip
import json
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xadapt.errors import DataError
from xadapt.sources import classes
from xadapt.sources.classes import Names

SUFFIXES = (".jsonl", ".jsonl.gz", ".parquet", ".csv", ".csv.gz", ".tsv", ".tsv.gz", ".txt", ".txt.gz")
ROWS_AT_ONCE = 512
"""Of a parquet file in memory."""
Rows = Iterator[tuple[str, dict[str, Any]]]


def suffix(name: str) -> str:
    """Of a file that can be read, one of `SUFFIXES`; empty otherwise."""
    return next((known for known in SUFFIXES if name.endswith(known)), "")


def read(path: Path, shown: str, names: Names, kind: str = "") -> Rows:
    """Each row with its place, classes by name; `names` are those of a file that does not say its own.

    `shown` is how errors name the file; `kind` is its format, one of `SUFFIXES`, where its name has no such
    ending. Raises DataError with place, field and value.
    """
    kind = kind or suffix(path.name)
    found = _parquet(path, shown, names) if kind == ".parquet" else _text(path, shown, kind)
    if kind != ".parquet" and names:
        found = _with_names(found, names)
    return found


def count(path: Path) -> int:
    """Rows of a file. Raises DataError when it cannot be read."""
    if suffix(path.name) != ".parquet":
        return sum(1 for _ in read(path, path.name, {}))
    return int(_open_parquet(path, path.name).metadata.num_rows)


def _with_names(rows: Rows, names: Names) -> Rows:
    for place, row in rows:
        try:
            yield place, classes.name_classes(row, names)
        except ValueError as error:
            raise DataError(f"{place}: {error}") from error


def _open_parquet(path: Path, shown: str) -> Any:
    # Planning does without, and it takes a while.
    import pyarrow
    from pyarrow import parquet

    try:
        # A buffer of its own size: whole column chunks of a large row group would fill the memory.
        return parquet.ParquetFile(path, pre_buffer=False, buffer_size=1 << 16)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{shown}: not a parquet file ({_line(error)})") from error


def _parquet(path: Path, shown: str, names: Names) -> Rows:
    file = _open_parquet(path, shown)
    known = classes.of_metadata(file.schema_arrow.metadata) or names
    return _with_names(_parquet_rows(file, shown), known)


def _parquet_rows(file: Any, shown: str) -> Rows:
    import pyarrow

    number = 0
    try:
        with file:
            for batch in file.iter_batches(batch_size=ROWS_AT_ONCE):
                for row in batch.to_pylist():
                    number += 1
                    yield f"{shown}:{number}", row
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{shown}:{number + 1}: cannot be read ({_line(error)})") from error


def _text(path: Path, shown: str, kind: str) -> Rows:
    lines = _lines(path, shown)
    if kind.startswith(".jsonl"):
        return _objects(lines)
    if kind.startswith(".txt"):
        return ((place, {"text": line.rstrip("\r\n")}) for place, line in lines)
    return _table(lines, shown, csv.excel if kind.startswith(".csv") else _Tabs)


def _lines(path: Path, shown: str) -> Iterator[tuple[str, str]]:
    """Each line with its place, its end kept. Raises DataError for bytes that are not UTF-8."""
    number = 0
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for line in file:
                number += 1
                yield f"{shown}:{number}", line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{shown}:{number}: not UTF-8 (byte {error.start + 1})") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{shown}:{number + 1}: not a whole gzip file ({_line(error)})") from error
    except OSError as error:
        raise DataError(f"{shown}: cannot be read ({error.strerror})") from error


def _unmarked(lines: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Spreadsheets and editors begin their UTF-8 with a byte order mark."""
    for place, line in lines:
        yield place, line.removeprefix("\ufeff") if place.endswith(":1") else line


def _objects(lines: Iterator[tuple[str, str]]) -> Rows:
    for place, line in _unmarked(lines):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{place}: not JSON ({error})") from error
        if not isinstance(row, dict):
            raise DataError(f"{place}: expected an object, got {type(row).__name__}")
        yield place, row


class _Tabs(csv.excel_tab):
    """Tab-separated values have no quoting: a quotation mark is a character of the text."""

    quoting = csv.QUOTE_NONE


def _table(lines: Iterator[tuple[str, str]], shown: str, dialect: type[csv.Dialect]) -> Rows:
    csv.field_size_limit(sys.maxsize)  # The limit of the library is below the length of a long article.
    table = csv.reader((line for _, line in _unmarked(lines)), dialect, strict=True)
    try:
        columns = next(table, [])
        if not columns or len(set(columns)) < len(columns):
            raise DataError(f"{shown}:1: expected a header, each column named once")
        start = table.line_num + 1
        for values in table:
            place, start = f"{shown}:{start}", table.line_num + 1
            if not values:  # An empty line is no row.
                continue
            if len(values) != len(columns):
                raise DataError(f"{place}: {len(values)} values for {len(columns)} columns")
            yield place, dict(zip(columns, values, strict=True))
    except csv.Error as error:
        raise DataError(f"{shown}:{table.line_num}: not a table ({error})") from error


def _line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
