"""The report on a terminal, of any width."""

from collections.abc import Sequence
from typing import Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from xadapt.report.content import Section, sections
from xadapt.report.standing import Board
from xadapt.report.table import Result

FOLDED = 16
"""Narrowest first column that is still read with ease."""


def show(
    found: Sequence[Result],
    out: Console,
    languages: bool,
    board: Board | None = None,
    more: Sequence[Section] = (),
) -> None:
    """Print every section: as a grid where it fits the width, else one line per cell; nothing is cut."""
    for section in (*sections(found, languages, board), *more):
        show_section(section, out)


def show_section(section: Section, out: Console) -> None:
    """The same of one."""
    out.print(f"[bold]{escape(section.title)}[/bold]")
    if _width(section) <= out.width:
        out.print(_grid(section))
    else:
        _list(section, out)
    if section.note:
        out.print(section.note, style="dim", markup=False)
    out.print()


def _width(section: Section) -> int:
    """Of the whole grid; the first column alone may be folded."""
    widest = [max(map(len, column)) for column in zip(section.head, *section.rows, strict=True)]
    return 1 + sum(3 + width for width in (min(widest[0], FOLDED), *widest[1:]))


def _grid(section: Section) -> Grid:
    grid = Grid()
    for number, name in enumerate(section.head):
        justify: Literal["left", "right"] = "right" if number else "left"
        grid.add_column(escape(name), justify=justify, no_wrap=number > 0)
    for row in section.rows:
        grid.add_row(*map(escape, row))
    return grid


def _list(section: Section, out: Console) -> None:
    """One block per row, for a table that is wider than the terminal."""
    wide = max(map(len, section.head[1:]), default=0)
    for row in section.rows:
        out.print(row[0], markup=False)
        for name, cell in zip(section.head[1:], row[1:], strict=True):
            if cell:
                out.print(f"  {name:{wide}}  {cell}", markup=False)
