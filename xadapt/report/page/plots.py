"""Cost against gain, learning curves and fusion attention: small drawings whose numbers stand beside them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from xadapt.report.difference import Interval, difference
from xadapt.report.page.markup import SHOWN, between, grid, scrolled, signed
from xadapt.report.statistics import compared, gains
from xadapt.report.table import Row, Table
from xadapt.report.trainings import Attention, Behind, Cost, Training

WIDE, HIGH, EDGE = 560, 300, 44
KEPT = 30
"""Points of a learning curve that are drawn."""


@dataclass(frozen=True)
class Point:
    """A row with its cost and its mean gain."""

    row: Row
    cost: Cost
    gain: Interval
    tasks: int


def cost_against_gain(table: Table, behind: Behind) -> str:
    """Two plots, over seconds and over tokens, and their table; empty where nothing has both."""
    points = _points(table, behind)
    if not points:
        return ""
    rows = [
        (
            str(number),
            table.name(each.row),
            f"{each.cost.seconds:.1f}",
            f"{each.cost.tokens:,.0f}",
            str(each.cost.trainings),
            signed(each.gain[0]),
            between(each.gain),
            str(each.tasks),
        )
        for number, each in enumerate(points, 1)
    ]
    head = ("#", "composition", "seconds", "tokens", "trainings", "gain", "95 %", "tasks")
    drawn = _scatter(points, [p.cost.seconds for p in points], "seconds of training")
    drawn += _scatter(points, [p.cost.tokens for p in points], "tokens through the encoder in training")
    return f"<div class=plots>{drawn}</div>{grid(head, rows, kind='costs sortable')}"


def _points(table: Table, behind: Behind) -> list[Point]:
    found = gains(table, "zero-shot")
    points = []
    for row in compared(table):
        tasks = [task for task in table.tasks if (row, task) in found]
        pairs = [[table.cell(each, task, "zero-shot").cells for each in (row, row.alone)] for task in tasks]
        gain, cost = difference([(mine, alone) for mine, alone in pairs]), behind.cost(row, tasks)
        if gain and cost and cost.seconds > 0 and cost.tokens > 0:
            points.append(Point(row, cost, gain, len(tasks)))
    return points


def _scatter(points: Sequence[Point], costs: Sequence[float], axis: str) -> str:
    low, high = math.log10(min(costs)) - 0.05, math.log10(max(costs)) + 0.05
    down, up = min(0.0, *(p.gain[1] for p in points)), max(0.0, *(p.gain[2] for p in points))
    step = next(each for each in (1, 2, 5, 10, 20, 50, 100) if (up - down) / each <= 8)
    down, up = math.floor(down / step) * step, math.ceil(up / step) * step

    def x(cost: float) -> float:
        return EDGE + (math.log10(cost) - low) / (high - low) * (WIDE - EDGE - 14)

    def y(gain: float) -> float:
        return 12 + (up - gain) / ((up - down) or 1) * (HIGH - EDGE - 12)

    lines = "".join(
        f"<path class={'zero' if level == 0 else 'line'} d='M{EDGE} {y(level):.1f}H{WIDE}'/>"
        f"<text x={EDGE - 6} y={y(level) + 4:.1f} text-anchor=end>{signed(level).removesuffix('.0')}</text>"
        for level in range(int(down), int(up) + 1, step)
    )
    ticks = "".join(
        f"<text x={x(tick):.1f} y={HIGH - EDGE + 18} text-anchor=middle>{_short(tick)}</text>"
        for tick in _ticks(low, high)
    )
    marks = "".join(
        f"<g><title>{escape(each.row.composition)}: {signed(each.gain[0])} for {cost:,.0f}</title>"
        f"<path class=bar d='M{x(cost):.1f} {y(each.gain[1]):.1f}V{y(each.gain[2]):.1f}'/>"
        f"<circle cx={x(cost):.1f} cy={y(each.gain[0]):.1f} r=9 />"
        f"<text class=mark x={x(cost):.1f} y={y(each.gain[0]) + 4:.1f} text-anchor=middle>{number}</text></g>"
        for number, (each, cost) in enumerate(zip(points, costs, strict=True), 1)
    )
    said = f"<text x={(WIDE + EDGE) / 2} y={HIGH - 6} text-anchor=middle>{axis} (log scale)</text>"
    title = f"Gain over alone against {axis}"
    return f"<svg viewBox='0 0 {WIDE} {HIGH}' role=img aria-label='{title}'>{lines}{ticks}{marks}{said}</svg>"


def _ticks(low: float, high: float) -> list[float]:
    every = (
        unit * 10.0**power for power in range(math.floor(low), math.ceil(high) + 1) for unit in (1, 2, 5)
    )
    return [tick for tick in every if low <= math.log10(tick) <= high]


def _short(value: float) -> str:
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:g}{name}"
    return f"{value:g}"


def curves(table: Table, behind: Behind) -> str:
    """One small drawing for each training, those of one title together; one height is one loss."""
    groups: dict[tuple[str, str], dict[str, Training]] = {}
    for (row, _), every in behind.trainings.items():
        for one in every:
            if one.curve:
                recipe = table.label(row).removeprefix(row.composition).strip()
                groups.setdefault((one.title, recipe), {})[one.digest] = one
    top: dict[str, float] = {}
    for (title, _), found in groups.items():
        losses = [loss for one in found.values() for _, loss in one.curve]
        top[_task(title)] = max(top.get(_task(title), 0.0), *losses)
    ordered = sorted(groups.items(), key=lambda pair: (_task(pair[0][0]), pair[0]))
    return "".join(_curve(*place, list(found.values()), top[_task(place[0])]) for place, found in ordered)


def _task(title: str) -> str:
    """`train pawsx stack(mnli)`: curves of one task have one scale."""
    return title.split()[1] if " " in title else title


def _curve(title: str, recipe: str, found: Sequence[Training], top: float) -> str:
    lines = "".join(f"<polyline points='{_path(one.curve, top)}'/>" for one in found)
    said = "; ".join(f"{one.curve[0][1]:.2f} → {one.curve[-1][1]:.2f}, {one.seconds:.0f} s" for one in found)
    ids = " ".join(one.digest[:SHOWN] for one in found)
    name = escape(f"{title.removeprefix('train ')} {recipe}".strip())
    return (
        f"<figure><svg viewBox='0 0 140 44' role=img aria-label='Training loss of {name}'>{lines}</svg>"
        f"<figcaption>{name}<i>loss {said}</i><u>{ids}</u></figcaption></figure>"
    )


def _path(curve: Sequence[tuple[float, float]], top: float) -> str:
    every = max(1, len(curve) // KEPT)
    kept = [*curve[:-1:every], curve[-1]]
    last = curve[-1][0] or 1.0
    return " ".join(f"{140 * step / last:.0f},{43 - 42 * loss / (top or 1):.0f}" for step, loss in kept)


def attention(table: Table, behind: Behind) -> str:
    """For each fusion and task layers by parts, in percent."""
    made = "".join(_attended(row, task, found, table) for (row, task), found in behind.attention.items())
    return f"<div class=plots>{made}</div>" if made else ""


def _attended(row: Row, task: str, found: Attention, table: Table) -> str:
    head = "".join(f"<th scope=col>{escape(part)}" for part in found.parts)
    body = "".join(
        f"<tr><th scope=row>{number}" + "".join(map(_share, layer))
        for number, layer in enumerate(found.layers, 1)
    )
    said = f"<caption>{escape(f'{task}, {table.label(row)}')}</caption>"
    drawn = f"<table class=attention>{said}<thead><tr><th scope=col>layer{head}<tbody>{body}</table>"
    note = f"mean of {len(found.digests)} predictions, the first <u>{found.digests[0][:SHOWN]}</u>"
    return f"<div>{scrolled(drawn)}<p class=note>{note}</div>"


def _share(share: float | None) -> str:
    return "<td>none" if share is None else f"<td class=s{min(4, int(5 * share))}>{100 * share:.0f}"
