"""HTML as text: what every part of the page writes alike. End tags that HTML5 may omit are omitted: size."""

from collections.abc import Iterable, Sequence
from html import escape

from xadapt.report.difference import Interval
from xadapt.report.table import Result

STEPS = (0.5, 2.0, 5.0, 10.0)
"""Points from which a gain has the next colour; the same in every report, so that pages compare."""
SHOWN = 8
"""Digits of a digest, enough for `xadapt explain`."""


def signed(value: float) -> str:
    """`+1.2`, or with a real minus sign; never a zero with a sign that rounding alone gave it."""
    text = f"{value:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", "−")


def between(found: Interval) -> str:
    return f"{signed(found[1])}…{signed(found[2])}"


def shade(found: Interval) -> str:
    """The class of a cell: sign and step of the gain, a capital where the interval includes zero."""
    value, low, high = found
    step = sum(abs(value) >= edge for edge in STEPS)
    colour = f"{'p' if value > 0 else 'n'}{step}" if step else "z"
    return colour.upper() if low <= 0 <= high else colour


def digests(found: Iterable[Result]) -> str:
    return " ".join(result.digest[:SHOWN] for result in found if result.digest)


def grid(
    head: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "", kind: str = "sortable"
) -> str:
    """A table of plain text, its first column the names of the rows."""
    top = "".join(f"<th scope=col>{escape(each)}" for each in head)
    body = "".join(
        "<tr>" + f"<th scope=row>{escape(row[0])}" + "".join(f"<td>{escape(cell)}" for cell in row[1:])
        for row in rows
    )
    said = f"<caption>{escape(caption)}</caption>" if caption else ""
    return scrolled(f"<table class='{kind}'>{said}<thead><tr>{top}<tbody>{body}</table>")


def scrolled(table: str) -> str:
    """What is wider than the page scrolls by itself, by keyboard too."""
    return f"<div class=wide tabindex=0>{table}</div>\n"


def section(anchor: str, title: str, *parts: str, note: str = "") -> str:
    said = f"<p class=note>{escape(note)}" if note else ""
    return f"<section id='{anchor}'><h2>{escape(title)}</h2>{''.join(parts)}{said}</section>\n"
