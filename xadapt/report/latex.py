r"""The report as LaTeX: tables for a paper, with `booktabs` and nothing else.

A table holds what a page of `article` holds; what is more stands in further ones. How a value stands with its
interval is one command, `\xadaptcell`, which a paper may define for itself.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from xadapt.report.statistics import NOTE, Gain, compared, gains
from xadapt.report.table import Mean, Part, Result, Row, Table

WIDE, HIGH = 5, 17
"""Targets and rows of one table at most."""
HEAD = r"""% \usepackage{booktabs}
\providecommand{\xadaptcell}[2]{\begin{tabular}[t]{@{}c@{}}#1\\[-2pt]{\scriptsize #2}\end{tabular}}
"""
PARTS: tuple[tuple[Part, str], ...] = (("zero-shot", "zero-shot, without English"), ("en", "English"))
SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "†": r"\dag{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}
SELECTED = {
    "": "Baselines",
    "last": "Last step",
    "average": "Average of the snapshots",
    "dev": "Selected on English development data",
    "oracle": "Selected on development data of the test language (oracle)",
}


def escape(text: str) -> str:
    """Text as LaTeX prints it."""
    return "".join(SPECIAL.get(sign, sign) for sign in text)


def tables(name: str, found: Sequence[Result]) -> str:
    """Scores and gains, zero-shot and English apart; in each, rows selected alike stand together."""
    table = Table.of(found)
    made = [
        text
        for part, said in PARTS
        for each in (_scores(table, part, said, name), _gains(table, part, said, name))
        for text in each.texts(table)
    ]
    return HEAD + "\n".join(made)


@dataclass(frozen=True)
class _Filled:
    """What one table says, as LaTeX; more than one where it is too large."""

    title: str
    note: str
    label: str
    columns: Sequence[str]
    lines: Sequence[tuple[Row, Sequence[str]]]

    def texts(self, table: Table) -> Iterator[str]:
        # Rows selected alike stand together, whichever table they come to stand in.
        lines = [line for each in SELECTED for line in self.lines if line[0].selection == each]
        places = [
            (rows, tasks) for rows in _shares(len(lines), HIGH) for tasks in _shares(len(self.columns), WIDE)
        ]
        for number, (rows, tasks) in enumerate(places):
            shown = [(row, cells[tasks]) for row, cells in lines[rows]]
            caption = f"{self.title}, continued." if number else f"{self.title}{self.note}"
            label = f"{self.label}-{number + 1}" if number else self.label
            yield _table(caption, label, self.columns[tasks], shown, table)


def _shares(count: int, most: int) -> list[slice]:
    """The fewest parts of at most `most`, as even as can be."""
    parts = -(-count // most)
    return [slice(count * part // parts, count * (part + 1) // parts) for part in range(parts)]


def _scores(table: Table, part: Part, said: str, name: str) -> _Filled:
    columns = [task for task in table.tasks if any(table.cell(row, task, part).over for row in table.rows)]
    best = {task: _best(table, task, part) for task in columns}
    lines = [
        (row, [_score(table.cell(row, task, part), row in best[task]) for task in columns])
        for row in table.rows
        if any(table.cell(row, task, part).over for task in columns)
    ]
    note = (
        ", mean over languages with its 95\\,\\% bootstrap "
        "interval over test items. Bold: the highest of a target among complete rows selected alike; "
        "(k/n): k of n scores are there."
    )
    title = f"{escape(name)}: scores in percent ({said})"
    return _Filled(title, note, f"tab:{_slug(name)}-{part}-scores", columns, lines)


def _gains(table: Table, part: Part, said: str, name: str) -> _Filled:
    found = gains(table, part)
    columns = [task for task in table.tasks if any((row, task) in found for row in table.rows)]
    rows = [row for row in compared(table) if any((row, task) in found for task in columns)]
    lines = [(row, [_gain(found.get((row, task))) for task in columns]) for row in rows]
    note = escape(f". {NOTE} Gains in this table: {len(found)}.")
    title = f"{escape(name)}: gain over \\texttt{{alone}} in points ({said})"
    return _Filled(title, note, f"tab:{_slug(name)}-{part}-gains", columns, lines)


def _best(table: Table, task: str, part: Part) -> set[Row]:
    """Of each selection the rows with the highest complete mean: an oracle is compared with oracles."""
    means = {row: table.cell(row, task, part) for row in table.rows if not row.baseline}
    whole = {
        row: mean.value for row, mean in means.items() if mean.value is not None and mean.over == mean.of
    }
    top = {row.selection: max(v for r, v in whole.items() if r.selection == row.selection) for row in whole}
    return {row for row, value in whole.items() if value == top[row.selection]}


def _score(found: Mean, best: bool) -> str:
    if found.value is None:
        return {"undefined": "--", "missing": ""}.get(found.status, found.status)
    value = f"\\mathbf{{{found.value:.1f}}}" if best else f"{found.value:.1f}"
    there = "" if found.over == found.of else f" ({found.over}/{found.of})"
    if found.interval is None:
        return f"${value}${there}"
    return _cell(f"${value}${there}", f"[{found.interval[1]:.1f}, {found.interval[2]:.1f}]")


def _gain(found: Gain | None) -> str:
    if found is None:
        return "--"
    value, low, high = found.interval
    mark = "^{\\dag}" if found.significant else ""
    return _cell(f"${value:+.1f}{mark}$", f"[{low:+.1f}, {high:+.1f}]")


def _cell(value: str, interval: str) -> str:
    return f"\\xadaptcell{{{value}}}{{${interval}$}}"


def _table(
    caption: str,
    label: str,
    columns: Sequence[str],
    lines: Sequence[tuple[Row, Sequence[str]]],
    table: Table,
) -> str:
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering\footnotesize\setlength{\tabcolsep}{2pt}",
            f"\\caption{{{caption}}}",
            f"\\label{{{label}}}",
            f"\\begin{{tabular}}{{p{{{_first(len(columns)):.2f}\\linewidth}}{'c' * len(columns)}}}",
            r"\toprule",
            _line(["", *map(escape, columns)]),
            *_body(lines, len(columns), table),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _first(columns: int) -> float:
    """The share of a line that names may take beside so many columns of intervals."""
    return min(0.5, 0.94 - 0.145 * columns)


def _body(lines: Sequence[tuple[Row, Sequence[str]]], wide: int, table: Table) -> Iterator[str]:
    """Rows of one selection under its name."""
    before = None
    for row, cells in lines:
        if row.selection != before:
            yield r"\midrule"
            yield f"\\multicolumn{{{wide + 1}}}{{l}}{{\\emph{{{SELECTED[row.selection]}}}}} \\\\"
        before = row.selection
        # Long names break where a narrow column lets them.
        name = escape(table.label(row)).replace("(", r"(\allowbreak{}").replace(r"\_", r"\_\allowbreak{}")
        yield _line([rf"\raggedright {name}", *cells])


def _line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _slug(name: str) -> str:
    return "".join(sign if sign.isalnum() else "-" for sign in name)
