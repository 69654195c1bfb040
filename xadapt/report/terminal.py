"""The report on a terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table as Grid

from xadapt.report.content import sections
from xadapt.report.table import Result


def show(found: Sequence[Result], out: Console, languages: bool) -> None:
    """Print every section; what does not fit the width is folded, never cut."""
    for section in sections(found, languages):
        grid = Grid(title=section.title, title_justify="left", caption=section.note, caption_justify="left")
        for number, name in enumerate(section.head):
            grid.add_column(name, justify="right" if number else "left", overflow="fold")
        for row in section.rows:
            grid.add_row(*row)
        out.print(grid)
