"""The heat map: rows are compositions, columns are targets, a cell is the gain over `alone`."""

from collections.abc import Sequence
from html import escape
from itertools import pairwise

from xadapt.report.difference import difference
from xadapt.report.page.markup import STEPS, between, scrolled, shade, signed
from xadapt.report.statistics import Gain, compared, gains
from xadapt.report.table import Part, Row, Table

SELECTED = {
    "last": "Weights of the last step: nothing was selected",
    "average": "Weights averaged over the snapshots: nothing was selected",
    "dev": "Snapshot selected on English development data",
    "oracle": "Snapshot selected on development data of the test language: an oracle, no zero-shot transfer",
}


def heat_map(table: Table, part: Part, anchor: str) -> str:
    """Empty where no row has an `alone` to be compared with."""
    rows = compared(table)
    found = gains(table, part)
    columns = [task for task in table.tasks if any((row, task) in found for row in rows)]
    if not columns:
        return ""
    head = "".join(f"<th scope=col data-task='{escape(task)}'>{escape(task)}" for task in columns)
    body = "".join(
        f"<tbody><tr class=group><th scope=rowgroup colspan={len(columns) + 2}>{SELECTED[selection]}"
        + "".join(_row(row, columns, table, part, found) for row in rows if row.selection == selection)
        for selection in SELECTED
        if any(row.selection == selection for row in rows)
    )
    top = f"<thead><tr><th scope=col>composition{head}<th scope=col title='Over the tasks in this line'>mean"
    return _key(len(found)) + scrolled(f"<table class='heat sortable' id='{anchor}'>{top}{body}</table>")


def _row(
    row: Row, columns: Sequence[str], table: Table, part: Part, found: dict[tuple[Row, str], Gain]
) -> str:
    cells = "".join(_cell(row, task, table, part, found.get((row, task))) for task in columns)
    # Where a narrow screen may break it.
    name = escape(table.label(row)).replace("(", "(<wbr>").replace("_", "_<wbr>")
    own = [task for task in columns if (row, task) in found]
    mean = _mean(row, own, columns, table, part)
    return f"<tr data-row={table.rows.index(row)}><th scope=row>{name}{cells}{mean}"


def _cell(row: Row, task: str, table: Table, part: Part, gain: Gain | None) -> str:
    if gain is None:
        mean = table.cell(row, task, part)
        lacking = f"{mean.over} of {mean.of}" if mean.value is not None else mean.status
        return f"<td class=none>{'n/a' if lacking == 'undefined' else lacking}"
    mark = "†" if gain.significant else ""
    tip = f"p {_small(gain.p)}, after Holm {_small(gain.adjusted)}"
    tip += f", seeds ± {gain.deviation:.1f}" if gain.deviation is not None else ""
    return (
        f"<td class={shade(gain.interval)} title='{escape(tip)}'>"
        f"<a href='#in-{escape(task)}'>{signed(gain.interval[0])}{mark}</a><i>{between(gain.interval)}</i>"
    )


def _mean(row: Row, tasks: Sequence[str], columns: Sequence[str], table: Table, part: Part) -> str:
    """Over the targets that have a gain; how many, where some lack one."""
    pairs = [(table.cell(row, task, part).cells, table.cell(row.alone, task, part).cells) for task in tasks]
    found = difference(pairs)
    if found is None:
        return "<td class=none>"
    over = "" if len(tasks) == len(columns) else f"<i>{len(tasks)} of {len(columns)} targets</i>"
    return f"<td class={shade(found)}>{signed(found[0])}<i>{between(found)}</i>{over}"


def _small(p: float) -> str:
    """What a normal p-value says below one in ten thousand is no longer exact."""
    return "< 0.0001" if p < 1e-4 else f"= {p:.2g}"


def _key(count: int) -> str:
    """What the colours mean, as a row of samples."""
    edges = [f"{edge:g}" for edge in STEPS]
    names = [
        *(f"{low} to {high}" for low, high in pairwise(edges)),
        f"{edges[-1]} or more",
    ]
    below = "".join(f"<span class='key n{4 - n}'>−{name}</span>" for n, name in enumerate(reversed(names)))
    above = "".join(f"<span class='key p{n}'>+{name}</span>" for n, name in enumerate(names, 1))
    return (
        f"<p class=keys>{below}<span class='key z'>less than {edges[0]}</span>{above}"
        "<span class='key Z'>interval includes zero</span> † significant after Holm's correction "
        f"for {count} gains. A bar at the left: below alone.</p>"
    )
