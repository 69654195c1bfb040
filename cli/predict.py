"""`xadapt predict`"""

import json
import shutil
import sys
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xadapt.errors import ConfigError, DataError, nearest, shown

from .loading import load
from .options import (
    DEFAULT_STORE,
    Adapters,
    Base,
    Device,
    Json,
    Layer,
    Module,
    StorePath,
    Task,
    Vectors,
)
from .output import SCHEMA_VERSION, note, written

if TYPE_CHECKING:
    from xadapt.serving.loaded import Loaded

FORMATS = ("jsonl", "csv", "tsv", "txt")
"""That are read from front to back, so also through a pipe."""
Placed = Iterator[tuple[str, dict[str, Any]]]

Texts = Annotated[
    list[str] | None,
    typer.Option("--text", help="Text, question or context. May be repeated.", metavar="TEXT"),
]
Pairs = Annotated[
    list[str] | None,
    typer.Option(
        "--text-pair", help="The hypothesis, or the context of a question; one per --text.", metavar="TEXT"
    ),
]
Choices = Annotated[
    list[str] | None, typer.Option("--choice", help="One choice of many. Repeat it.", metavar="TEXT")
]
File = Annotated[
    Path | None,
    typer.Option(
        "--file",
        help="Rows: .jsonl, .csv, .tsv, .txt (also .gz) or .parquet; - is standard input.",
        metavar="FILE",
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format", help="Of a --file whose ending does not say it: jsonl, csv, tsv or txt.", metavar="FORMAT"
    ),
]
Language = Annotated[
    str | None, typer.Option("--language", help="Of rows that name none in a column `language`.")
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        help="Write answers as JSON lines, or vectors as .npy, into this file.",
        rich_help_panel="Output",
        metavar="FILE",
    ),
]


def predict(
    module: Module,
    texts: Texts = None,
    pairs: Pairs = None,
    choices: Choices = None,
    file: File = None,
    format: Format = None,
    language: Language = None,
    task: Task = None,
    vectors: Vectors = False,
    layer: Layer = None,
    store: StorePath = DEFAULT_STORE,
    base: Base = None,
    adapters: Adapters = None,
    device: Device = "auto",
    output: Output = None,
    as_json: Json = False,
) -> None:
    """Use a finished module on your own text, one answer per row, in their order.

    Labels with probabilities, tags per word, the span of an answer, a choice, or sentence vectors. Files
    stream, so their size does not matter.

    **Examples**

    `xadapt predict "xnli stack(mnli)" --text "He sleeps." --text-pair "He is awake."`

    `xadapt predict 3fa9c1d2 --file rows.jsonl --language sw --output answers.jsonl`

    `xadapt predict mnli --vectors --layer 14 --file sentences.txt --output vectors.npy`
    """
    if (file is None) == (not texts):
        raise ConfigError("give one of --text TEXT and --file FILE")
    rows = _read(file, format) if file else None
    _check_given(file, format, output)
    loaded = load(module, store, task, vectors, layer, base, adapters, device)
    rows = rows or _typed(loaded.ask.kind, texts or (), pairs or (), choices or ())
    if loaded.ask.kind == "vector":
        _write_vectors(loaded, rows, language, output)
    elif output is not None:
        _write_lines(_answers(loaded, rows, language), output)
    elif as_json:
        _show_document(_answers(loaded, rows, language), loaded)
    else:
        for answer in _answers(loaded, rows, language):
            sys.stdout.write(_line(answer) + "\n")


def _check_given(file: Path | None, format: str | None, output: Path | None) -> None:
    """Raises ConfigError for what would replace the rows by their answers, and a format of no file."""
    if file is None and format is not None:
        raise ConfigError("--format says how --file is written", "give the texts by --file, or leave it out")
    if file is not None and output is not None and output.exists() and _place(file).samefile(output):
        raise ConfigError(f"--output {output}: is the --file that is read", "choose another --output")


def _place(file: Path) -> Path:
    return Path("/dev/stdin") if str(file) == "-" else file


def _read(file: Path, format: str | None) -> Placed:
    """Its rows, one by one. Raises DataError or ConfigError before the module is loaded."""
    from xadapt.sources import readers

    if format is not None and format not in FORMATS:
        raise ConfigError(f"--format {shown(format)}: unknown{nearest(format, FORMATS)}")
    place = _place(file)
    if not place.exists() or place.is_dir():
        raise DataError(f"{file}: no such file")
    if not format and not readers.suffix(place.name):
        if place.is_file():
            known = ", ".join(readers.SUFFIXES)
            raise DataError(f"{file}: known endings are {known}", "or add --format jsonl")
        raise ConfigError(f"--file {file}: has no ending that says its format", "add --format jsonl")
    return readers.read(place, str(file), {}, f".{format}" if format else "")


def _typed(kind: str, texts: Sequence[str], pairs: Sequence[str], choices: Sequence[str]) -> Placed:
    """Rows of the command line, by what the module asks of one."""
    if pairs and len(pairs) != len(texts):
        raise ConfigError(f"{len(pairs)} --text-pair for {len(texts)} --text")
    first, second = {"span": ("question", "context"), "choice": ("context", "pair")}.get(
        kind, ("text", "pair")
    )
    for number, (text, pair) in enumerate(zip_longest(texts, pairs), 1):
        row: dict[str, Any] = {first: text} | ({} if pair is None else {second: pair})
        yield f"--text {number}", row | ({"choices": choices} if choices else {})


def _answers(loaded: "Loaded", rows: Placed, language: str | None) -> Iterator[dict[str, Any]]:
    """Each with the `id` and `language` of its row, where it has them."""
    own: deque[dict[str, Any]] = deque()

    def watched() -> Placed:
        for place, row in rows:
            own.append({name: row[name] for name in ("id", "language") if name in row})
            yield place, row

    for answer in loaded.stream(watched(), language):
        yield own.popleft() | answer


def _line(answer: dict[str, Any]) -> str:
    """For people."""
    if "tags" in answer:
        return " ".join(f"{word}/{tag}" for word, tag in zip(answer["words"], answer["tags"], strict=True))
    if "choice" in answer:
        return f"{answer['choice']}  {answer['probabilities'][answer['choice']]:.3f}  {answer['text']}"
    if "label" in answer:
        return f"{answer['label']}  {answer['probabilities'][answer['label']]:.3f}"
    return str(answer["answer"])


def _show_document(answers: Iterator[dict[str, Any]], loaded: "Loaded") -> None:
    """Whole or not at all: an error is the one document then."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as kept:
        kept.write(f'{{"schema_version": {SCHEMA_VERSION}, "module": {json.dumps(loaded.asked.title)}, ')
        kept.write('"answers": [')
        for number, answer in enumerate(answers):
            kept.write((",\n" if number else "\n") + json.dumps(answer, ensure_ascii=False))
        kept.write("\n]}\n")
        kept.seek(0)
        shutil.copyfileobj(kept, sys.stdout)


def _write_lines(answers: Iterator[dict[str, Any]], output: Path) -> None:
    count, part = 0, output.with_name(f".{output.name}.part")
    with written(f"--output {output}", "choose another --output"):
        try:
            with part.open("w", encoding="utf-8") as kept:
                for answer in answers:
                    kept.write(json.dumps(answer, ensure_ascii=False) + "\n")
                    count += 1
            part.replace(output)
        finally:
            part.unlink(missing_ok=True)
    note(f"{output}: {count} answers")


def _write_vectors(loaded: "Loaded", rows: Placed, language: str | None, output: Path | None) -> None:
    if output is None or output.suffix != ".npy":
        raise ConfigError("sentence vectors go into a file", "add --output vectors.npy")
    from xadapt.serving.vectors import write

    with written(f"--output {output}", "choose another --output"):
        count, width = write(loaded.stream(rows, language), output)
    note(f"{output}: {count} vectors of {width}")
