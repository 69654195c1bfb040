"""A user's own data in a folder of its own: an experiment that declares tasks, and their files."""

from pathlib import Path
from typing import Any

from tests.sources.written import write_rows

EXPERIMENT = """
[model]
name = "toyworld"
[data]
world = "toyworld"
[reading]
layer = 2
[recipe.a]
steps = 2
batch = 4
max_length = 48
stride = 16
[intermediate]
tasks = ["mood"]
[target]
tasks = ["mood", "words", "quiz", "pick", "twin", "nli"]
compositions = ["alone", "stack(each)"]
[target.task.nli]
compositions = ["alone"]

[tasks.mood]
type = "classification"
labels = ["good", "bad"]
columns = { text = "sentence", label = "polarity" }
train = "rows/mood_train.jsonl"
test = { en = "rows/mood_en.csv", "Toy A" = "rows/mood_qaa.parquet" }

[tasks.words]
type = "tagging"
metric = "token_accuracy"
train = "rows/words_train.parquet"
test = { en = "rows/words_en.csv", qaa = "rows/words_qaa.jsonl.gz" }

[tasks.quiz]
type = "span"
metric = "squad_v2"
train = "rows/quiz_train.jsonl"
test = { en = "rows/quiz_en.csv", qaa = "rows/quiz_qaa.parquet" }

[tasks.pick]
type = "choice"
labels = ["A", "B"]
columns = { choices = ["first", "second"], label = "right" }
train = "rows/pick_train.csv"
test = { en = "rows/pick_en.tsv", qaa = "rows/pick_qaa.parquet" }

[tasks.twin]
type = "retrieval"
columns = { source = "foreign", target = "english" }
test = { qaa = "rows/twin_qaa.tsv" }

[tasks.nli]
type = "classification"
trains_as = "mood"
labels = ["bad", "good"]
test = { qaa = "rows/nli_qaa.jsonl" }
"""
"""Every type that is scored, in several formats; one is intermediate and target, one has no training."""


def rows(count: int = 8) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """(file, suffix) -> rows; a label is a name, its number, or its number as text."""
    mood = [{"sentence": f"word {n} here", "polarity": ("good", "bad")[n % 2]} for n in range(count)]
    numbered = [{**row, "polarity": n % 2} for n, row in enumerate(mood)]
    lists = [{"tokens": ["a", f"b{n}"], "tags": ["DET", "NOUN"]} for n in range(count)]
    spaced = [{key: " ".join(value) for key, value in row.items()} for row in lists]
    asked = {"question": "what?", "context": "x here y"}
    squad = [
        {**asked, "answers": {"text": ["here"] * (n % 2), "answer_start": [2] * (n % 2)}}
        for n in range(count)
    ]
    flat = [{**asked, "answer": "here" if n % 2 else "", "start": 2 if n % 2 else ""} for n in range(count)]
    pick = [{"context": "c", "first": f"x{n}", "second": "y", "right": "AB"[n % 2]} for n in range(count)]
    return {
        ("mood_train", ".jsonl"): numbered,
        ("mood_en", ".csv"): numbered,
        ("mood_qaa", ".parquet"): mood,
        ("words_train", ".parquet"): lists,
        ("words_en", ".csv"): spaced,
        ("words_qaa", ".jsonl.gz"): lists,
        ("quiz_train", ".jsonl"): squad,
        ("quiz_en", ".csv"): flat,
        ("quiz_qaa", ".parquet"): squad,
        ("pick_train", ".csv"): pick,
        ("pick_en", ".tsv"): pick,
        ("pick_qaa", ".parquet"): pick,
        ("twin_qaa", ".tsv"): [{"foreign": f"f{n}", "english": f"e{n}"} for n in range(count)],
        ("nli_qaa", ".jsonl"): [{"text": f"t{n}", "pair": "p", "label": n % 2} for n in range(count)],
    }


def write(folder: Path, text: str = EXPERIMENT) -> Path:
    """The experiment file, its data beside it."""
    for (name, suffix), found in rows().items():
        write_rows(folder / "rows", name, suffix, found)
    path = folder / "own.toml"
    path.write_text(text, encoding="utf-8")
    return path
