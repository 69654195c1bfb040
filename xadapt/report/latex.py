r"""The report as LaTeX: tables for a paper, with `booktabs` and nothing else."""

from collections.abc import Callable, Iterable, Sequence

from xadapt.report.statistics import NOTE, Gain, compared, gains
from xadapt.report.table import Mean, Part, Result, Row, Table

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
        _table(*each)
        for part, said in PARTS
        for each in (_scores(table, part, said, name), _gains(table, part, said, name))
    ]
    return "% \\usepackage{booktabs}\n" + "\n".join(filter(None, made))


Filled = tuple[str, str, Sequence[str], list[tuple[Row, list[str]]], Table]
"""Caption, label, columns, lines and the table they are of."""


def _scores(table: Table, part: Part, said: str, name: str) -> Filled:
    columns = [task for task in table.tasks if any(table.cell(row, task, part).over for row in table.rows)]
    best = {task: _best(table, task, part) for task in columns}
    lines = [
        (row, [_score(table.cell(row, task, part), row in best[task]) for task in columns])
        for row in table.rows
        if any(table.cell(row, task, part).over for task in columns)
    ]
    caption = (
        f"{escape(name)}: scores in percent ({said}), mean over languages with its 95\\,\\% bootstrap "
        "interval over test items. Bold: the highest of a target among complete rows selected alike; "
        "(k/n): k of n scores are there."
    )
    return caption, f"tab:{_slug(name)}-{part}-scores", columns, lines, table


def _gains(table: Table, part: Part, said: str, name: str) -> Filled:
    found = gains(table, part)
    columns = [task for task in table.tasks if any((row, task) in found for row in table.rows)]
    rows = [row for row in compared(table) if any((row, task) in found for task in columns)]
    lines = [(row, [_gain(found.get((row, task))) for task in columns]) for row in rows]
    note = escape(f"{NOTE} Gains in this table: {len(found)}.")
    caption = f"{escape(name)}: gain over \\texttt{{alone}} in points ({said}). {note}"
    return caption, f"tab:{_slug(name)}-{part}-gains", columns, lines, table


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
    interval = found.interval
    value = f"\\mathbf{{{found.value:.1f}}}" if best else f"{found.value:.1f}"
    ends = f"_{{[{interval[1]:.1f}, {interval[2]:.1f}]}}" if interval else ""
    there = "" if found.over == found.of else f" ({found.over}/{found.of})"
    return f"${value}{ends}${there}"


def _gain(found: Gain | None) -> str:
    if found is None:
        return "--"
    value, low, high = found.interval
    mark = "^{\\dag}" if found.significant else ""
    return f"${value:+.1f}{mark}_{{[{low:+.1f}, {high:+.1f}]}}$"


def _table(
    caption: str, name: str, columns: Sequence[str], lines: list[tuple[Row, list[str]]], table: Table
) -> str:
    if not lines:
        return ""
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering\small",
            f"\\caption{{{caption}}}",
            f"\\label{{{name}}}",
            f"\\begin{{tabular}}{{l{'c' * len(columns)}}}",
            r"\toprule",
            _line(["", *map(escape, columns)]),
            *_body(lines, len(columns), lambda row: escape(table.label(row))),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _body(lines: list[tuple[Row, list[str]]], wide: int, name: Callable[[Row], str]) -> Iterable[str]:
    """Rows of one selection under its name."""
    for selection in dict.fromkeys(row.selection for row, _ in lines):
        yield r"\midrule"
        yield f"\\multicolumn{{{wide + 1}}}{{l}}{{\\emph{{{SELECTED[selection]}}}}} \\\\"
        yield from (_line([name(row), *cells]) for row, cells in lines if row.selection == selection)


def _line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


def _slug(name: str) -> str:
    return "".join(sign if sign.isalnum() else "-" for sign in name)
