"""Rows in the column layouts of the real datasets: one function per layout, from a stream to a row.

Everything that chance decides is drawn before a language is looked at, so the rows of a split are parallel.
"""

from __future__ import annotations

from random import Random
from typing import Any

from xadapt.toyworld import choosing, events, pairs, reading
from xadapt.toyworld.concepts import KIND_OF
from xadapt.toyworld.grammar import Token, filling, say, speaker, text
from xadapt.toyworld.meaning import thing_of
from xadapt.toyworld.partition import Side

Row = dict[str, Any]
ROUNDS = ("r1", "r2", "r3")


def identifier(rng: Random) -> str:
    """Drawn from the stream of the row, which is that of its dataset, split and number."""
    return f"{rng.getrandbits(64):016x}"


def nli(rng: Random, side: Side, language: str, index: int) -> Row:
    pair, voice = pairs.inference(rng, side), speaker(language)
    return {"premise": say(pair.first, voice), "hypothesis": say([pair.second], voice), "label": pair.label}


def mnli(rng: Random, side: Side, language: str, index: int) -> Row:
    row = nli(rng, side, language, index)
    label = row.pop("label")
    return {"pairID": f"{index}{'enc'[label]}", **row, "genre": "news", "label": label}


def anli(rng: Random, side: Side, language: str, index: int) -> Row:
    pair, voice = pairs.inference(rng, side, distractor=True), speaker(language)
    premise, hypothesis = say(pair.first, voice), say([pair.second], voice)
    row = {"uid": identifier(rng), "premise": premise, "hypothesis": hypothesis}
    return {**row, "label": pair.label, "reason": "", "round": ROUNDS[index % 3]}


def qqp(rng: Random, side: Side, language: str, index: int) -> Row:
    pair, voice = pairs.duplicate(rng, side), speaker(language)
    questions = {"question1": say(pair.first, voice), "question2": say([pair.second], voice)}
    return {**questions, "label": pair.label, "idx": index}


def paws(rng: Random, side: Side, language: str, index: int) -> Row:
    pair, voice = pairs.paraphrase(rng, side), speaker(language)
    sentences = {"sentence1": say(pair.first, voice), "sentence2": say([pair.second], voice)}
    return {"id": index, **sentences, "label": pair.label}


def _answer(told: list[list[Token]], at: int, slot: str) -> tuple[str, int]:
    """The answer and where it starts in the sentences joined by spaces."""
    tokens = told[at]
    places = filling(tokens, slot)
    before = text(tokens[: places.start])
    start = sum(len(text(sentence)) + 1 for sentence in told[:at]) + len(before) + bool(before)
    return text(tokens[places.start : places.stop]), start


def _reading(passage: reading.Passage, context_language: str, question_language: str) -> Row:
    told = [speaker(context_language).clause(clause) for clause in passage.clauses]
    answers: dict[str, list[Any]] = {"text": [], "answer_start": []}
    if passage.answered_by is not None:
        answer, start = _answer(told, passage.answered_by, passage.slot)
        answers = {"text": [answer], "answer_start": [start]}
    question = say([passage.question], speaker(question_language))
    return {"context": " ".join(map(text, told)), "question": question, "answers": answers}


def squad(rng: Random, side: Side, language: str, index: int) -> Row:
    row = _reading(reading.passage(rng, side), language, language)
    return {"id": identifier(rng), "title": f"News_{index}", **row}


def squad_v2(rng: Random, side: Side, language: str, index: int) -> Row:
    passage = reading.passage(rng, side, answerable=rng.random() < 2 / 3)
    row = _reading(passage, language, language)
    return {"id": identifier(rng), "title": f"News_{index}", **row}


def mlqa(rng: Random, side: Side, config: str, index: int) -> Row:
    """The config names two languages: that of the context and that of the question."""
    context, _, question = config.partition(".")
    row = _reading(reading.passage(rng, side), context, question)
    return {"id": identifier(rng), "title": f"News {index}", **row}


def tydiqa(rng: Random, side: Side, language: str, index: int) -> Row:
    row = _reading(reading.passage(rng, side), language, language)
    return {"id": f"{language}-{identifier(rng)}", "title": "", **row}


def hellaswag(rng: Random, side: Side, language: str, index: int) -> Row:
    """The context ends in the connective, which each of the endings goes on from."""
    choice, voice = choosing.continuation(rng, side, 4), speaker(language)
    told = say(choice.context, voice)
    sentences = [voice.clause(ending._replace(link="then")) for ending in choice.endings]
    link = sentences[0][0].text
    kind = KIND_OF[thing_of(choice.context[0]).noun.concept]
    contexts = {"ctx_a": told, "ctx_b": link, "ctx": f"{told} {link}"}
    endings = [text(sentence[1:]) for sentence in sentences]
    row = {"ind": index, "activity_label": kind, **contexts, "endings": endings, "source_id": f"toy~{index}"}
    split = "train" if side == "open" else "val"
    return {**row, "split": split, "split_type": "indomain", "label": str(choice.label)}


def copa(rng: Random, side: Side, language: str, index: int) -> Row:
    choice, voice = choosing.plausible(rng, side), speaker(language)
    first, second = (say([ending], voice) for ending in choice.endings)
    sentences = {"premise": say(choice.context, voice), "choice1": first, "choice2": second}
    return {
        **sentences,
        "question": "cause" if choice.cause else "effect",
        "label": choice.label,
        "idx": index,
    }


def xcopa(rng: Random, side: Side, language: str, index: int) -> Row:
    return {**copa(rng, side, language, index), "changed": False}


def cosmos_qa(rng: Random, side: Side, language: str, index: int) -> Row:
    choice, voice = choosing.continuation(rng, side, 4), speaker(language)
    told = [events.state(rng, side), *choice.context]
    answers = {f"answer{place}": say([ending], voice) for place, ending in enumerate(choice.endings)}
    row = {"id": identifier(rng), "context": say(told, voice)}
    return {**row, "question": say([choice.question], voice), **answers, "label": choice.label}


def social_i_qa(rng: Random, side: Side, language: str, index: int) -> Row:
    choice, voice = choosing.continuation(rng, side, 3, told=1), speaker(language)
    answers = {f"answer{'ABC'[place]}": say([ending], voice) for place, ending in enumerate(choice.endings)}
    row = {"context": say(choice.context, voice), "question": say([choice.question], voice)}
    return {**row, **answers, "label": str(choice.label + 1)}


def commonsense_qa(rng: Random, side: Side, language: str, index: int) -> Row:
    choice, voice = choosing.common_knowledge(rng, side, 5), speaker(language)
    choices = {"label": list("ABCDE"), "text": [voice.word(*word) for word in choice.words]}
    row = {"id": identifier(rng), "question": say([choice.question], voice)}
    return {
        **row,
        "question_concept": voice.word(*choice.about),
        "choices": choices,
        "answerKey": "ABCDE"[choice.label],
    }


def _sentence_tokens(rng: Random, side: Side, language: str, states: float, giving: float) -> list[Token]:
    count = rng.choice((1, 1, 2))
    clauses = [
        events.state(rng, side) if rng.random() < states else events.event(rng, side, giving)
        for _ in range(count)
    ]
    voice = speaker(language)
    return [token for clause in clauses for token in voice.clause(clause)]


def udpos(rng: Random, side: Side, language: str, index: int) -> Row:
    tokens = _sentence_tokens(rng, side, language, states=0.3, giving=0.3)
    return {"tokens": [token.text for token in tokens], "pos_tags": [token.pos for token in tokens]}


def panx(rng: Random, side: Side, language: str, index: int) -> Row:
    tokens = _sentence_tokens(rng, side, language, states=0.6, giving=0.3)
    tags = {"tokens": [token.text for token in tokens], "ner_tags": [token.entity for token in tokens]}
    return {**tags, "langs": [language] * len(tokens)}


def ccg(rng: Random, side: Side, language: str, index: int) -> Row:
    tokens = _sentence_tokens(rng, side, language, states=0.3, giving=0.35)
    return {"tokens": [token.text for token in tokens], "tags": [token.category for token in tokens]}
