"""One target in every language: each score with its gain, interval and digest; means by family and script."""

from collections.abc import Callable, Iterable, Sequence
from html import escape

from xadapt.languages import LANGUAGES
from xadapt.report.difference import difference
from xadapt.report.page.markup import between, digests, scrolled, shade, signed
from xadapt.report.statistics import compared
from xadapt.report.table import COUNTED, Result, Row, Table, mean

Group = Callable[[str], str]


def family(code: str) -> str:
    return LANGUAGES[code].family if code in LANGUAGES else "unknown"


def script(code: str) -> str:
    return LANGUAGES[code].script if code in LANGUAGES else "unknown"


def target(task: str, table: Table) -> str:
    """Closed until it is asked for; open on paper."""
    rows = [row for row in table.rows if (row, task) in table.places]
    codes = list(dict.fromkeys(r.cell.language for row in rows for r in table.places[row, task]))
    codes.sort(key=lambda code: (family(code), script(code), code))
    parts = [_by_language(task, codes, rows, table)]
    parts += [
        _means(task, title, of, codes, rows, table) for title, of in (("family", family), ("script", script))
    ]
    return (
        f"<details id='in-{escape(task)}' class=target><summary>{escape(task)}: "
        f"{len(codes)} languages</summary>{''.join(parts)}</details>\n"
    )


def _by_language(task: str, codes: Iterable[str], rows: Sequence[Row], table: Table) -> str:
    body = "".join(_line(task, code, rows, table) for code in codes)
    head = f"<th scope=col>language<th scope=col>family<th scope=col>script{_heads(rows, table)}"
    return scrolled(
        f"<table class='languages sortable' data-task='{escape(task)}'><thead><tr>{head}<tbody>{body}</table>"
    )


def _heads(rows: Sequence[Row], table: Table) -> str:
    return "".join(
        f"<th scope=col data-row={table.rows.index(row)}>{escape(table.name(row))}" for row in rows
    )


def _line(task: str, code: str, rows: Sequence[Row], table: Table) -> str:
    name = f"{LANGUAGES[code].name} ({code})" if code in LANGUAGES else code
    cells = "".join(_cell(row, task, code, table) for row in rows)
    return f"<tr><th scope=row>{escape(name)}<td>{family(code)}<td>{script(code)}{cells}\n"


def _cell(row: Row, task: str, code: str, table: Table) -> str:
    own = _in(row, task, code, table)
    found = mean(own)
    if found.value is None:
        return f"<td class=none>{found.text() if own else ''}"
    said = found.text()
    gain = _gain(row, task, [code], table)
    if gain is None:
        return f"<td>{said}<u>{digests(own)}</u>"
    return (
        f"<td class={shade(gain)}>{said}<b>{signed(gain[0])}</b><i>{between(gain)}</i><u>{digests(own)}</u>"
    )


def _in(row: Row, task: str, code: str, table: Table) -> list[Result]:
    return [r for r in table.places.get((row, task), []) if r.cell.language == code]


def _gain(row: Row, task: str, codes: Sequence[str], table: Table) -> tuple[float, float, float] | None:
    """Over `alone` in the mean of these languages; None where either lacks one."""
    if row not in compared(table):
        return None
    mine, theirs = ([r for code in codes for r in _in(each, task, code, table)] for each in (row, row.alone))
    whole = mine and theirs and all(r.status in COUNTED for r in (*mine, *theirs))
    return difference([(mine, theirs)]) if whole else None


def _means(task: str, title: str, of: Group, codes: Sequence[str], rows: Sequence[Row], table: Table) -> str:
    """Gains in the mean of each group of languages, English left out."""
    groups: dict[str, list[str]] = {}
    for code in codes:
        if code != "en":
            groups.setdefault(of(code), []).append(code)
    own = [row for row in rows if row in compared(table)]
    if not own or all(len(members) < 2 for members in groups.values()):
        return ""
    body = "".join(
        f"<tr><th scope=row>{escape(group)}<td>{len(members)}"
        + "".join(_group_cell(row, task, members, table) for row in own)
        for group, members in sorted(groups.items())
        if len(members) > 1
    )
    head = f"<th scope=col>{title}<th scope=col>languages{_heads(own, table)}"
    kind = f"<table class='means sortable' data-task='{escape(task)}' data-by={title}>"
    return (
        f"<h3>{escape(task)}: gain by {title}, where it has several languages; without English</h3>"
        + scrolled(f"{kind}<thead><tr>{head}<tbody>{body}</table>")
    )


def _group_cell(row: Row, task: str, codes: Sequence[str], table: Table) -> str:
    gain = _gain(row, task, codes, table)
    if gain is None:
        return "<td class=none>"
    return f"<td class={shade(gain)}>{signed(gain[0])}<i>{between(gain)}</i>"
