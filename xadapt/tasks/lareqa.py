"""LAReQA, XQuAD-R: the sentences that answer a question, among those of eleven languages (Roy et al. 2020).

Trains on SQuAD v1.1, its answers widened to the sentences that they stand in.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from xadapt.examples import Passage
from xadapt.task import Drop, Dropped, Placed, Row, Source, Task, question_of
from xadapt.tasks import squad

LANGUAGES = ("ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh")
END = re.compile(r"""[.?!]['")\]”’]*\s+(?=['"(\[“‘]?[A-Z0-9])""")
ABBREVIATION = re.compile(
    r"\b(?:[A-Z]|Mrs?|Ms|Dr|Prof|Rev|St|Lt|Gen|Col|Maj|Capt|Sgt|Gov|Sen|Rep|Pres|Mt|Ft|Jr|Sr|vs?|cf|ca|approx"
    r"|No|Op|Vol|pp?|Jan|Feb|Aug|Sept?|Oct|Nov|Dec|e\.g|i\.e|et al|[ap]\.m)$"
)
"""What a full stop behind it does not end a sentence at; a single capital is an initial."""


class Paragraph(NamedTuple):
    sentences: tuple[tuple[int, int, str], ...]
    """Start and end in the context, and the id of the candidate."""

    def answering(self, start: int, context: str) -> list[str]:
        """The ids of the sentence around a character, and of those in the paragraph that say the same."""
        for first, last, _ in self.sentences:
            if first <= start < last:
                return [name for a, b, name in self.sentences if context[a:b] == context[first:last]]
        raise Dropped("answer in no sentence")


def gather(rows: Iterable[Placed], drop: Drop) -> Iterator[Passage]:
    """The candidates of every source, then the questions of the first one.

    Questions of one id ask the same in all languages, and each is answered by a sentence of every language.
    A candidate is read with the paragraph around it.
    """
    asked: list[tuple[str, str]] = []
    answers: dict[str, list[str]] = defaultdict(list)
    paragraphs: dict[tuple[int, str], Paragraph] = {}
    for number, placed in enumerate(rows):
        source, _, row = placed
        try:
            question = question_of(row, str(number))
            if question is None:
                raise Dropped("no label")
            context = question.context
            if (source, context) not in paragraphs:
                paragraphs[source, context] = made = _paragraph(row, source, len(paragraphs))
                for start, end, name in made.sentences:
                    yield Passage(name, context[start:end], "candidate", pair=context)
            answers[question.id] += paragraphs[source, context].answering(question.starts[0], context)
        except Dropped as why:
            drop(placed, why)
            continue
        if source == 0:
            asked.append((question.id, question.question))
    for name, text in asked:
        yield Passage(name, text, "query", tuple(dict.fromkeys(answers[name])))


def _paragraph(row: Row, source: int, number: int) -> Paragraph:
    """Sentences as the row breaks them; SQuAD's rows, which stand in the first source, do not."""
    given = source > 0 or "sentence_breaks" in row
    breaks = [tuple(each) for each in row["sentence_breaks"]] if given else english_sentences(row["context"])
    return Paragraph(tuple((start, end, f"{number}.{place}") for place, (start, end) in enumerate(breaks)))


def english_sentences(text: str) -> list[tuple[int, int]]:
    """Start and end of each sentence, by punctuation and capitals; LAReQA finds those of SQuAD likewise."""
    found, start = [], 0
    for end in END.finditer(text):
        if text[end.start()] != "." or not ABBREVIATION.search(text[start : end.start()]):
            found.append((start, start + len(text[start : end.end()].rstrip())))
            start = end.end()
    return [*found, (start, len(text))]


def _test(language: str) -> tuple[Source, ...]:
    """The questions' own language first, then the languages that there are."""
    return tuple(
        Source(path="", config=config, split="test", local=f"lareqa/{config}/test")
        for config in (language, "*")
    )


TASK = Task(
    name="lareqa",
    title="Answer retrieval from a multilingual pool",
    type="ranking",
    metric="map20",
    role="target",
    benchmarks=("xtreme-r",),
    languages=LANGUAGES,
    gather=gather,
    train=squad.TASK.train,
    dev=squad.TASK.dev,
    test=_test,
    license="CC BY-SA 4.0",
    quirks="test rows come from a folder, as the hub has no sentence_breaks: `xadapt tasks xquad-r` writes "
    "them from google-research-datasets/lareqa; the pool is of all languages in the folder, of eleven in the "
    "benchmark; sentences of SQuAD are found by rules of our own; XTREME-R cuts at 20, LAReQA's own script "
    "does not",
)
