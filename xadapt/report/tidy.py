"""The cells of a report as CSV: one line a cell, for a spreadsheet, R or pandas."""

import csv
import io
from collections.abc import Sequence

from xadapt.languages import LANGUAGES
from xadapt.report.difference import mean_interval
from xadapt.report.table import Result

COLUMNS = (
    "task",
    "language",
    "family",
    "script",
    "composition",
    "recipe",
    "method",
    "selection",
    "seed",
    "metric",
    "value",
    "low",
    "high",
    "items",
    "status",
    "at_chance",
    "digest",
    "why",
)
"""`low` and `high` are the 95 % interval of `value`, over test items; all three are in percent."""


def text(found: Sequence[Result]) -> str:
    """A head line, then every cell, those without a value too."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(_line(result) for result in found)
    return out.getvalue()


def _line(result: Result) -> dict[str, object]:
    known = LANGUAGES.get(result.cell.language)
    place = {"family": known.family, "script": known.script} if known else {}
    interval = mean_interval([[result]]) if result.value is not None else None
    ends = {"low": interval[1], "high": interval[2]} if interval else {}
    return result.as_json() | place | ends
