"""The report as one Markdown page."""

from collections.abc import Sequence

from xadapt.report.content import Section, sections
from xadapt.report.standing import Board
from xadapt.report.table import Result


def page(name: str, found: Sequence[Result], board: Board | None = None, more: Sequence[Section] = ()) -> str:
    """Every section, languages included, with the digest of each number, then `more`."""
    every = (*sections(found, True, board), *more)
    parts = [f"# {name}\n", *map(_section, every)]
    return "\n".join(parts)


def _section(section: Section) -> str:
    lines = [f"## {section.title}", "", _line(section.head), _line(["---"] * len(section.head))]
    lines += [_line(row) for row in section.rows]
    return "\n".join([*lines, "", section.note, ""]) if section.note else "\n".join([*lines, ""])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
