"""A recommendation as tables of text."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from xadapt.recommend.methods import TITLES, Method
from xadapt.recommend.recommendation import FIRST, MeanRegret, Recommendation, mean_regrets
from xadapt.report.content import Section

SAME = "=: has seen the training data of the target, so features look better than they are."
FORMS: dict[Method, str] = {
    "logme": "{:+.4f}",
    "text": "{:.4f}",
    "task": "{:.4f}",
    "probe": "{:+.1f}",
    "prior": "{:+.1f}",
}
HEADS = tuple(f"regret@{k}" for k in FIRST)
EQUALS = "Where an order says `or`, chance decides, and the regret is the expected one."
PRIOR = "To choose by the other targets is to take what is best on average there."


def sections(every: Sequence[Recommendation]) -> Iterator[Section]:
    """A ranking for each target, its regrets, and their mean over targets."""
    for one in every:
        yield ranking(one)
        if one.regrets:
            yield _regrets(one)
    for _, found in groupby(mean_regrets(every), key=lambda each: each.selection):
        yield _means(list(found))


def ranking(one: Recommendation) -> Section:
    asked, methods = one.question, one.said.scores
    head = ("module", "mean rank", *(TITLES[method] for method in methods))
    rows = [
        (
            name + " =" * (name in asked.same_data),
            f"{one.mean_ranks[name]:.2f}",
            *(_score(one, method, name) for method in methods),
            *([f"{one.gains[name]:+.1f}" if name in one.gains else ""] if one.gains else []),
        )
        for name in one.order
    ]
    some = len(asked.counted) < len(asked.asked.tested(asked.target))
    languages = "all but English" if some and not asked.languages else ", ".join(asked.counted)
    title = f"Modules for {asked.target.name}, {asked.form}, {languages}{_selected(asked.selection)}"
    return Section(title, (*head, *(["measured"] if one.gains else [])), tuple(rows), _note(one))


def _score(one: Recommendation, method: Method, name: str) -> str:
    value = one.said.scores[method][name] - one.said.bare.get(method, 0.0)
    return f"{FORMS[method].format(value)} ({one.ranks[method][name]:g})"


def _note(one: Recommendation) -> str:
    asked = one.question
    parts = ["In brackets: rank.", "Gains are points over alone."]
    if len(one.groups) < len(one.order):
        equal = "; ".join(" or ".join(group) for group in one.groups if len(group) > 1)
        parts.append(f"Nothing decides between {equal}.")
    if one.said.bare:
        parts.append("LogME and probe: less those of the bare encoder, the probe in points.")
    if asked.training is None:
        parts.append(f"{asked.target.name} trains nothing: it is judged by other targets alone.")
    if asked.same_data:
        parts.append(SAME)
    if asked.training is not None and len(one.order) > 1:
        parts.append(_cost(one))
    return " ".join(parts)


def _cost(one: Recommendation) -> str:
    count = len(one.order) - 1
    trainings = "1 training" if count == 1 else f"{count} trainings"
    took = "" if one.saved is None else f" ({one.saved:.0f} s by the records)"
    return f"Looking took {one.seconds:.0f} s; taking the first spares {trainings} of the target{took}."


def _regrets(one: Recommendation) -> Section:
    rows = [
        (each.by, ", ".join(map(" or ".join, each.order)), *(f"{value:.1f}" for value in each.at))
        for each in one.regrets
    ]
    best = max(one.gains[name] for name in one.order)
    none = " No module helps: without one is better." if best < 0 else ""
    few = f" The first {FIRST[-1]} are all modules." if len(one.order) <= FIRST[-1] else ""
    note = f"Best measured gain less the best among the first k, in points. {EQUALS} {PRIOR}{few}{none}"
    title = f"Regret for {one.question.target.name}{_selected(one.question.selection)}"
    return Section(title, ("by", "order", *HEADS), tuple(rows), note)


def _means(found: Sequence[MeanRegret]) -> Section:
    rows = [(each.by, *(f"{value:.1f}" for value in each.at)) for each in found]
    note = f"Over {', '.join(found[0].targets)}: the targets that every method can judge. {PRIOR}"
    return Section(f"Mean regret{_selected(found[0].selection)}", ("by", *HEADS), tuple(rows), note)


def _selected(selection: str) -> str:
    """As the tables of a report say it."""
    return "" if selection == "last" else f" ({selection})"
