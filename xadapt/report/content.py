"""What a report says, as headings and rows of text; how it looks is the renderers' matter."""

from collections.abc import Sequence
from dataclasses import dataclass

from xadapt.report.table import Result, Table

BASELINE = ("baseline", "-")


@dataclass(frozen=True)
class Section:
    """One table with its heading and what a reader must know."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def sections(found: Sequence[Result], languages: bool) -> list[Section]:
    """Problems first, then the matrix, the comparison with the baselines, and the languages."""
    table = Table.of(found)
    made = [_problems(found), _matrix(table), _gains(table), _baselines(table)]
    if languages:
        made += [_languages(table, task) for task in table.tasks]
    return [section for section in made if section.rows]


def _problems(found: Sequence[Result]) -> Section:
    bad = [r for r in found if r.status in ("failed", "collapsed")]
    missing = sum(r.status == "missing" for r in found)
    rows = [(r.cell.task, r.cell.language, r.cell.composition, r.status, r.why) for r in bad]
    if missing:
        rows.append(("", "", "", "missing", f"{missing} cells have not run"))
    return Section(
        "Failed, collapsed and missing", ("task", "language", "composition", "status", "why"), tuple(rows)
    )


def _matrix(table: Table) -> Section:
    rows = tuple(
        (_name(row, table), *(table.cell(row, task).text() for task in table.tasks)) for row in table.rows
    )
    note = "Mean over languages, English included. n/a: not defined; (k/n): only k of n cells; *: limited."
    return Section("Scores", ("composition", *table.tasks), rows, note)


def _name(row: tuple[str, str], table: Table) -> str:
    methods = {method for _, method in table.rows if method != "-"}
    return row[0] if len(methods) < 2 or row[1] == "-" else f"{row[0]} {row[1]}"


def _signed(found: tuple[float, float, float] | None) -> str:
    if found is None:
        return ""
    value, low, high = found
    return f"{value:+.1f} [{low:+.1f}, {high:+.1f}]"


def _gains(table: Table) -> Section:
    rows = []
    for row in table.rows:
        alone = ("alone", row[1])
        if row in (BASELINE, alone) or alone not in table.rows:
            continue
        rows.append((_name(row, table), *(_signed(table.against(row, alone, task)) for task in table.tasks)))
    note = (
        "Zero-shot (without English) difference to `alone`, with a paired 95 % bootstrap interval over items."
    )
    return Section("Gain over alone", ("composition", *table.tasks), tuple(rows), note)


def _baselines(table: Table) -> Section:
    from xadapt.baselines import NAMES
    from xadapt.tasks import task

    rows = []
    for name in table.tasks:
        for row in table.rows:
            if row[0] != "alone" or BASELINE not in table.rows:
                continue
            scores = [table.cell(each, name, zero_shot=True).text() for each in (row, BASELINE)]
            method = NAMES[task(name).type]
            rows.append((name, scores[0], scores[1], method, _signed(table.against(row, BASELINE, name))))
    head = ("task", "alone", "baseline", "baseline is", "difference")
    note = "Zero-shot (without English). An interval that includes zero says: words alone explain the score."
    return Section("Against the cheapest baseline", head, tuple(rows), note)


def _languages(table: Table, task: str) -> Section:
    own = [r for r in table.results if r.cell.task == task]
    languages = tuple(dict.fromkeys(r.cell.language for r in own))
    rows = []
    for row in table.rows:
        cells = [r for r in own if (r.cell.composition, r.cell.method) == row]
        texts = [_cell_text([r for r in cells if r.cell.language == language]) for language in languages]
        rows.append((_name(row, table), *texts))
    return Section(
        f"{task} by language", ("composition", *languages), tuple(rows), "Below each score its digest."
    )


def _cell_text(found: Sequence[Result]) -> str:
    parts = [r.status if r.value is None else f"{r.value:.1f} {r.digest[:8]}" for r in found]
    return ", ".join("n/a" if part == "undefined" else part for part in parts)
