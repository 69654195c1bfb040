"""The whole page: what failed first, then gains, languages, cost, attention, curves, every other table."""

from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files

from xadapt.report import content
from xadapt.report.content import Section
from xadapt.report.page import drill, heat, plots
from xadapt.report.page.markup import grid, section
from xadapt.report.standing import Board
from xadapt.report.statistics import NOTE
from xadapt.report.table import Result, Table
from xadapt.report.trainings import Behind

LINKS = (
    ("problems", "Problems"),
    ("gains", "Gains"),
    ("languages", "Languages"),
    ("cost", "Cost"),
    ("attention", "Attention"),
    ("curves", "Curves"),
    ("tables", "Tables"),
)
DIGESTS = (
    "Below each score stands the start of its digest: `xadapt explain DIGEST` (with --store, where the store "
    "is not ./runs) walks it back to data, trainings and the command that makes it again."
)


def document(
    name: str, found: Sequence[Result], board: Board | None, behind: Behind, about: Mapping[str, str]
) -> str:
    """`about` says what was asked: name -> text, shown on top."""
    table = Table.of(found)
    body = "".join(
        [
            _top(name, found, about),
            _sections("problems", "Problems", content.problems(found)),
            _gains(table),
            section("languages", "Languages", *(drill.target(t, table) for t in table.tasks), note=DIGESTS),
            _drawn("cost", "Cost against gain", plots.cost_against_gain(table, behind), COST),
            _drawn("attention", "Fusion attention", plots.attention(table, behind), ATTENTION),
            _drawn("curves", "Learning curves", _figures(table, behind), CURVES),
            _sections("tables", "Tables", content.tables(found, board)),
        ]
    )
    links = "".join(f"<a href='#{anchor}'>{said}</a>" for anchor, said in LINKS if f"id='{anchor}'" in body)
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width,initial-scale=1'>"
        f"<title>{escape(name)}: xadapt report</title><style>{_own('page.css')}</style>"
        f"<nav>{links}</nav><main>{body}</main><output id=hover></output>"
        f"<script>{_own('page.js')}</script></html>\n"
    )


COST = (
    "Mean zero-shot gain over alone, with its 95 % interval, against the training of everything a row needs "
    "in those tasks, each training once, intermediate ones too. Seconds are of the machine that trained; a "
    "training beside others counts its share. Rows over different tasks do not compare."
)
ATTENTION = "What each layer takes of each part, while it predicts: mean over tokens, languages and seeds."
CURVES = "Training loss over steps, from zero up; drawings of one task share their scale."


def _own(name: str) -> str:
    return files("xadapt.report.page").joinpath(name).read_text(encoding="utf-8")


def _top(name: str, found: Sequence[Result], about: Mapping[str, str]) -> str:
    facts = "".join(f"<dt>{escape(key)}<dd>{escape(text)}" for key, text in about.items())
    statuses = dict.fromkeys(r.status for r in found)
    counts = ", ".join(f"{sum(r.status == each for r in found):,} {each}" for each in statuses)
    counts = counts.replace("undefined", "n/a")
    return f"<header><h1>{escape(name)}</h1><dl>{facts}<dt>scores<dd>{counts}</dl></header>\n"


def _gains(table: Table) -> str:
    parts = [
        ("zero-shot", "Zero-shot: mean over languages without English", "gain-zero-shot"),
        ("en", "English: the language of training, never part of the map above", "gain-en"),
    ]
    made = []
    for part, title, anchor in parts:
        if drawn := heat.heat_map(table, part, anchor):  # type: ignore[arg-type]
            made.append(f"<h3>{title}</h3>{drawn}")
    drill_here = "<div id=drill hidden></div>"
    return section("gains", "Gain over alone", drill_here, *made, note=NOTE) if made else ""


def _figures(table: Table, behind: Behind) -> str:
    drawn = plots.curves(table, behind)
    return f"<div class=curves>{drawn}</div>" if drawn else ""


def _drawn(anchor: str, title: str, drawn: str, note: str) -> str:
    return section(anchor, title, drawn, note=note) if drawn else ""


def _sections(anchor: str, title: str, found: Sequence[Section]) -> str:
    parts = [
        f"<h3>{escape(each.title)}</h3>{grid(each.head, each.rows)}"
        + (f"<p class=note>{escape(each.note)}" if each.note else "")
        for each in found
    ]
    return section(anchor, title, *parts) if parts else ""
