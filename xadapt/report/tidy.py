"""The cells of a report as CSV: one line a cell, for a spreadsheet, R or pandas."""

import csv
import io
from collections.abc import Mapping, Sequence

from xadapt.languages import LANGUAGES
from xadapt.report.difference import mean_interval
from xadapt.report.statistics import Gains, gains
from xadapt.report.table import Part, Result, Table, row_of

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
    "part",
    "gain",
    "gain_low",
    "gain_high",
    "gain_deviation",
    "gain_p",
    "gain_p_holm",
    "gain_significant",
)
"""`low` and `high` are the 95 % interval of `value`, over test items; all three are in percent.

`part` says which mean the cell is in, zero-shot or en; what begins with `gain` is that of the mean over
`alone`, the same in every line of it, its deviation that over seeds.
"""


def text(found: Sequence[Result]) -> str:
    """A head line, then every cell, those without a value too."""
    table = Table.of(found)
    gained: dict[Part, Gains] = {"zero-shot": gains(table, "zero-shot"), "en": gains(table, "en")}
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(_line(result) | _gain(result, gained) for result in found)
    return out.getvalue()


def _line(result: Result) -> dict[str, object]:
    known = LANGUAGES.get(result.cell.language)
    place = {"family": known.family, "script": known.script} if known else {}
    interval = mean_interval([[result]]) if result.value is not None else None
    ends = {"low": interval[1], "high": interval[2]} if interval else {}
    return result.as_json() | place | ends


def _gain(result: Result, gained: Mapping[Part, Gains]) -> dict[str, object]:
    part: Part = "en" if result.cell.language == "en" else "zero-shot"
    gain = gained[part].get((row_of(result), result.cell.task))
    if gain is None:
        return {"part": part}
    value, low, high = gain.interval
    return {
        "part": part,
        "gain": value,
        "gain_low": low,
        "gain_high": high,
        "gain_deviation": gain.deviation,
        "gain_p": gain.p,
        "gain_p_holm": gain.adjusted,
        "gain_significant": gain.significant,
    }
