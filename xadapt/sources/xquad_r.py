"""LAReQA's XQuAD-R as rows: `<language>.json`, nested as SQuAD, with `sentence_breaks` of each paragraph."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xadapt.errors import DataError
from xadapt.workflow.store import write_atomically


def convert(folder: Path, data: Path) -> dict[str, int]:
    """Write `data/lareqa/<language>/test.jsonl` from every file in `folder`; return the questions of each.

    Raises DataError for a folder without files, or a file of another form.
    """
    files = sorted(folder.glob("*.json"))
    if not files:
        raise DataError(f"{folder}: no .json file", "give the folder xquad-r of the LAReQA repository")
    found = {path.stem: list(_questions(path)) for path in files}
    for language, rows in found.items():
        path = data / "lareqa" / language / "test.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return {language: len(rows) for language, rows in found.items()}


def _questions(path: Path) -> Iterator[dict[str, Any]]:
    try:
        for article in json.loads(path.read_bytes())["data"]:
            for paragraph in article["paragraphs"]:
                shared = {name: paragraph[name] for name in ("context", "sentence_breaks")}
                for asked in paragraph["qas"]:
                    answers = {
                        "text": [each["text"] for each in asked["answers"]],
                        "answer_start": [each["answer_start"] for each in asked["answers"]],
                    }
                    yield {"id": asked["id"], "question": asked["question"], "answers": answers, **shared}
    except KeyError as error:
        raise DataError(f"{path}: field {error.args[0]!r} is missing, so this is not XQuAD-R") from error
    except (ValueError, TypeError) as error:
        raise DataError(f"{path}: not XQuAD-R ({error})") from error
