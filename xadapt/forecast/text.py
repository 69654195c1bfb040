"""A forecast as lines for people."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from xadapt.forecast.check import Checked
from xadapt.forecast.device import Calibration, Device
from xadapt.forecast.model import Model
from xadapt.forecast.table import Forecast, Total


def kinds(costs: Forecast, served: Mapping[str, int]) -> Iterator[str]:
    """One line for each kind of stage, and the total."""
    rows: list[tuple[str, ...]] = [("stage", "there", "to do", "tokens", "time", "memory", "disk", "numbers")]
    for kind, total in costs.kinds.items():
        rows.append((kind, *_counts(total), f"{served.get(kind, 0):,}"))
    rows.append(("in total", *_counts(costs.total), ""))
    return _aligned(rows)


def _counts(total: Total) -> tuple[str, ...]:
    there = total.stages - total.to_do
    return f"{there:,}", f"{total.to_do:,}", number(total.tokens), *_sizes(total)


def _sizes(total: Total) -> tuple[str, ...]:
    return clock(total.seconds), size(total.memory) if total.memory else "-", size(total.disk)


def compositions(costs: Forecast) -> Iterator[str]:
    """What each composition adds to those above it, and what it would cost without them."""
    rows = [("composition", "numbers", "adds trainings", "tokens", "time", "by itself", "time")]
    for price in costs.prices:
        adds, alone = price.adds, price.alone
        rows.append(
            (
                price.composition,
                f"{price.numbers:,}",
                f"{adds.trainings:,}",
                number(adds.tokens),
                clock(adds.seconds),
                f"{alone.trainings:,}",
                clock(alone.seconds),
            )
        )
    return _aligned(rows)


def sharing(costs: Forecast) -> Iterator[str]:
    """Trainings by the targets that share them."""
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for one in costs.shared:
        groups[tuple(sorted(one.targets))].append(one.numbers)
    for targets, counts in groups.items():
        few, many = min(counts), max(counts)
        each = f"{many:,}" if few == many else f"{few:,} to {many:,}"
        subject = "training is" if len(counts) == 1 else "trainings are"
        yield f"{len(counts)} {subject} shared by {', '.join(targets)}: {each} numbers each"


def notes(costs: Forecast, device: Device | None, workers: int, asked: Model | None = None) -> Iterator[str]:
    """What the figures rest on."""
    total = costs.total
    if device is None:
        yield "no time: run xadapt bench device, or name a device that is stated (--device h200)"
    else:
        yield f"device {device.name}: {device.basis}"
        if isinstance(device, Calibration) and asked is not None and asked.sizes != device.model.sizes:
            yield f"scaled to {asked.name} by operations; to measure it: xadapt bench device --model NAME"
        if workers > 1 and total.seconds and device.room is None:
            # Workers on one GPU share it.
            yield f"with {workers} workers about {clock(total.seconds / workers)}"
    yield from (f"cannot be read, and says nothing: {fault}" for fault in costs.unreadable)
    for name in costs.unsized:
        yield f"size of {name} is not known, so neither is what it takes: xadapt fetch brings its config"
    if costs.guessed:
        yield f"assumed: rows of {costs.guessed} data stages, those of the public data; lengths from a table"
    held = {
        "texts as tokens": costs.beside.encoded,
        "checkpoints while trainings run": costs.beside.checkpoints,
    }
    if said := [f"{size(count)} of {what}" for what, count in held.items() if count]:
        yield f"beside its stages a store holds up to {' and '.join(said)}"


def scarce(costs: Forecast, free: int | None) -> str:
    """What is wanting on the disk; empty where nothing is."""
    if free is None or costs.needed <= free:
        return ""
    return f"disk: {size(costs.needed)} needed, {size(free)} free: --store says where else"


def checked(found: Checked) -> Iterator[str]:
    """Forecast against actual, by kind of stage; of memory what records expected against what was taken."""
    three = ("actual", "ratio")
    rows = [("stage", "finished", "tokens", *three, "time", *three, "disk", *three, "memory", *three)]
    for kind, pair in (*found.kinds.items(), ("in total", found.total)):
        times = (clock(pair.seconds), clock(pair.actual_seconds), ratio(pair.seconds, pair.actual_seconds))
        tokens = (number(pair.tokens), number(pair.actual_tokens), ratio(pair.tokens, pair.actual_tokens))
        disk = (size(pair.disk), size(pair.actual_disk), ratio(pair.disk, pair.actual_disk))
        held = ("-", "-", "-")
        if pair.memory:
            held = size(pair.memory), size(pair.actual_memory), ratio(pair.memory, pair.actual_memory)
        rows.append((kind, f"{pair.stages:,}", *tokens, *times, *disk, *held))
    yield from _aligned(rows)
    yield from found.remarks


def ratio(forecast: float | None, actual: float) -> str:
    return f"{forecast / actual:.2f}" if forecast is not None and actual else "-"


def number(count: float) -> str:
    """1,234 as it is, then with k, M, G, T."""
    for unit in ("", " k", " M", " G"):
        if count < 9_999.5:
            return f"{count:,.0f}{unit}"
        count /= 1000
    return f"{count:,.0f} T"


def size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        # Above it is rounded to 1,000, of which three digits are written as a power.
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"


def clock(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 60 * 59.95 else f"{seconds / 3600:,.2f} h"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    for row in rows:
        first, *rest = row
        cells = (text.rjust(width) for text, width in zip(rest, widths[1:], strict=True))
        yield "  ".join((first.ljust(widths[0]), *cells))
