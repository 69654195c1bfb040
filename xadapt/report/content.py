"""What a report says, as headings and rows of text; how it looks is the renderers' matter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xadapt.benchmarks import Average
from xadapt.report import published
from xadapt.report.difference import Interval
from xadapt.report.standing import Board, Standing
from xadapt.report.statistics import NOTE, Gain, compared, gains
from xadapt.report.table import BASELINE, Mean, Part, Result, Status, Table, row_of

PROBLEMS: tuple[Status, ...] = ("failed", "collapsed", "limited")
WHY = {"collapsed": "one and the same prediction for every item", "limited": "some rows were left out"}
LIMITED = "*: some rows were left out."
CHANCE = "~: some score is not above the best constant answer, by its own 95 % interval."
SELECTED = (
    "(dev), (average), (oracle): weights of the snapshot that is best on English development data, the mean "
    "of the snapshots, the snapshot that is best on development data of the test language; else the last."
)
SEEDS = "±: standard deviation of the gain over seeds."
INTERVAL = "In brackets: 95 % bootstrap interval over test items."
LEGEND = f"n/a: not defined. (k/n): mean of the k cells of n that are there. {LIMITED} {CHANCE} {SELECTED}"


@dataclass(frozen=True)
class Section:
    """One table with its heading and what a reader must know."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def sections(found: Sequence[Result], languages: bool, board: Board | None = None) -> list[Section]:
    """Problems first, then the benchmark, means, baselines, gains over `alone`, the languages."""
    table = Table.of(found)
    made = [
        *problems(found),
        *tables(found, board),
        _gains(table, "zero-shot", "Gain over alone, zero-shot"),
        _gains(table, "en", "Gain over alone, English"),
    ]
    if languages:
        made += [_languages(table, task) for task in table.tasks]
    return [section for section in made if section.rows]


def problems(found: Sequence[Result]) -> list[Section]:
    """Cells, test rows and weights that are not what was asked for."""
    made = _problems(found, Table.of(found)), _rows(found), _quantised(found)
    return [section for section in made if section.rows]


def tables(found: Sequence[Result], board: Board | None = None) -> list[Section]:
    """The benchmark, means and baselines."""
    table = Table.of(found)
    made = (
        *(_benchmark(board, table) if board else ()),
        _means(table, "all", "Scores", "Mean over languages, English included."),
        _means(table, "zero-shot", "Zero-shot scores", "Mean over languages without English."),
        _baselines(table),
    )
    return [section for section in made if section.rows]


def _problems(found: Sequence[Result], table: Table) -> Section:
    """One line for what befell a row in a task, with all the languages it befell."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for status in PROBLEMS:
        for r in found:
            if r.status == status:
                named = (table.name(row_of(r)), str(r.cell.seed or ""), status, r.why or WHY.get(status, ""))
                alike.setdefault((r.cell.task, *named), []).append(r.cell.language)
    rows = [(task, ", ".join(dict.fromkeys(those)), *named) for (task, *named), those in alike.items()]
    if missing := sum(r.status == "missing" for r in found):
        rows.append(("", "", "", "", "missing", f"{missing} of {len(found)} cells have not run"))
    head = ("task", "language", "composition", "seed", "status", "why")
    return Section("Failed, collapsed, limited and missing", head, tuple(rows))


def _rows(found: Sequence[Result]) -> Section:
    """One line for each test set, whatever was scored on it."""
    own = {(r.cell.task, r.cell.language): r.rows for r in found if r.rows}
    rows = (
        (task, language, f"{of['read']:,}", f"{of['kept']:,}", _reasons(of))
        for (task, language), of in own.items()
    )
    note = "Scored: every row that was kept. Only training needs to know where an answer stands."
    return Section(
        "Test rows left out or at fault", ("task", "language", "read", "kept", "why"), tuple(rows), note
    )


def _quantised(found: Sequence[Result]) -> Section:
    """One line for each row and number of bits; none where every encoder was whole."""
    table, alike = Table.of(found), dict[tuple[str, str], list[str]]()
    trained = [r for r in found if r.folder is not None and r.cell.recipe]
    for r in trained if any(r.bits for r in trained) else ():
        held = f"{r.bits} bit" if r.bits else "all"
        alike.setdefault((table.name(row_of(r)), held), []).append(r.cell.task)
    rows = tuple((name, held, ", ".join(dict.fromkeys(tasks))) for (name, held), tasks in alike.items())
    mixed = len({held for _, held in alike}) > 1
    note = "A gain of a row over one on other bits holds the difference of the encoders too." if mixed else ""
    return Section("Bits of the frozen weights", ("composition", "bits", "tasks"), rows, note)


def _reasons(rows: Mapping[str, Any]) -> str:
    left = [f"{count:,} left out: {why}" for why, count in rows.get("dropped", {}).items()]
    return "; ".join([*left, *(f"{count:,} kept: {why}" for why, count in rows.get("flawed", {}).items())])


def _benchmark(board: Board, table: Table) -> tuple[Section, ...]:
    """Overall and groups, then tasks, then published rows beside ours where they may be compared."""
    made = _overall(board, table), _by_task(board, table), _published(board, table)
    return *made, _published_gains(board, table)


def _overall(board: Board, table: Table) -> Section:
    benchmark = board.benchmark
    rows = []
    for each in board.standings:
        found = each.averages
        groups = (_average(found.groups[group], each, members) for group, members in benchmark.groups.items())
        overall = _average(found.overall, each, benchmark.tasks)
        rows.append((table.name(each.row), overall, _gain(each), *groups))
    note = (
        f"Group: mean of its tasks; {benchmark.rule}. (k/n): k of the n scores that belong to it are there; "
        f"over alone: in the tasks that both have. {LIMITED}"
    )
    return Section(
        board.title, ("composition", "overall", "over alone", *benchmark.groups), tuple(rows), note
    )


def _by_task(board: Board, table: Table) -> Section:
    rows = (
        (
            table.name(each.row),
            *(_average(each.averages.tasks[task], each, (task,)) for task in board.tasks),
        )
        for each in board.standings
    )
    gone = [name for name in board.benchmark.tasks if name not in board.tasks]
    note = f"Not in this experiment: {', '.join(gone)}." if gone else ""
    return Section(f"{board.title} by task", ("composition", *board.tasks), tuple(rows), note)


def _published(board: Board, table: Table) -> Section:
    theirs = [(each.name, *_values(each.values, board.tasks)) for each in board.published]
    compared = [each for each in board.standings if each.comparable]
    ours = [(table.name(each.row), *_values(each.comparable, board.tasks)) for each in compared]
    less = [
        (f"{table.name(each.row)} less {other.name}", *_differences(each, other.values, board.tasks))
        for each in compared
        for other in board.published
    ]
    names = ", ".join(each.name for each in board.published)
    note = f"{names}: {board.benchmark.published_as}. Ours, too, count F1 alone here."
    return Section(
        f"Beside published {board.title}", ("row", *board.tasks), tuple(theirs + ours + less), note
    )


def _differences(each: Standing, theirs: Mapping[str, float], tasks: Sequence[str]) -> list[str]:
    both = [name in each.comparable and name in theirs for name in tasks]
    return [
        f"{each.comparable[name] - theirs[name]:+.1f}" if there else ""
        for name, there in zip(tasks, both, strict=True)
    ]


def _published_gains(board: Board, table: Table) -> Section:
    rows = []
    for each in published.gains(board):
        ours = each.ours.gain
        assert ours is not None, "it stands beside a published one"
        less = f"{ours.interval[0] - each.published:+.1f}"
        rows.append((table.name(each.ours.row), _gain(each.ours), f"{each.published:+.1f}", less))
    head = ("composition", "ours over alone", "published", "ours less published")
    return Section("Beside published gains", head, tuple(rows), published.AS)


def _average(found: Average, of: Standing, tasks: Sequence[str]) -> str:
    return found.text("" if of.limited.isdisjoint(tasks) else "*")


def _values(found: Mapping[str, float], tasks: Sequence[str]) -> list[str]:
    return [f"{found[name]:.1f}" if name in found else "" for name in tasks]


def _gain(of: Standing) -> str:
    if of.gain is None:
        return ""
    gain = of.gain
    return _signed(gain.interval) + ("" if gain.over == gain.of else f" ({gain.over}/{gain.of})")


def _means(table: Table, part: Part, title: str, note: str) -> Section:
    rows = (
        (table.name(row), *(_mean(table.cell(row, task, part)) for task in table.tasks)) for row in table.rows
    )
    return Section(title, ("composition", *table.tasks), tuple(rows), f"{note} {INTERVAL} {LEGEND}")


def _mean(found: Mean) -> str:
    """With its interval over test items, of the cells that are there."""
    interval = found.interval
    return found.text() if interval is None else f"{found.text()} [{interval[1]:.1f}, {interval[2]:.1f}]"


def _signed(found: Interval | None) -> str:
    if found is None:
        return ""
    value, low, high = found
    return f"{value:+.1f} [{low:+.1f}, {high:+.1f}]"


def _gains(table: Table, part: Part, title: str) -> Section:
    found = gains(table, part)
    rows = (
        (table.name(row), *(_gained(found.get((row, task))) for task in table.tasks))
        for row in compared(table)
    )
    return Section(title, ("composition", *table.tasks), tuple(rows), f"{NOTE} {SEEDS}")


def _gained(found: Gain | None) -> str:
    """With its mark, its interval over items and its spread over seeds."""
    if found is None:
        return ""
    value, interval = _signed(found.interval).split(" ", 1)
    spread = "" if found.deviation is None else f" ±{found.deviation:.1f}"
    return f"{value}{'†' * found.significant} {interval}{spread}"


def _baselines(table: Table) -> Section:
    from xadapt.baselines import NAMES

    rows = []
    for name in table.tasks:
        best = table.baseline(name)
        method = NAMES[_type(name, table)] if best == BASELINE else best.composition
        for row in table.rows:
            if row.composition == "alone" and BASELINE in table.rows:
                scores = (table.cell(each, name, "zero-shot").text() for each in (row, best))
                difference = _signed(table.against(row, best, name))
                label = table.name(row._replace(composition=name))
                rows.append((label, *scores, method, difference))
    head = ("task", "alone", "baseline", "baseline is", "difference")
    note = (
        "Zero-shot (without English); of several baselines the best. "
        "An interval that includes zero: not shown to be more than the baseline."
    )
    return Section("Against cheap baselines", head, tuple(rows), note)


def _type(name: str, table: Table) -> str:
    """A task that the experiment declares is known to its stages alone."""
    from xadapt.tasks import task

    scores = (r.cell.score for r in table.results if r.cell.task == name)
    return next(task(score.task).type for score in scores if score is not None)


def _languages(table: Table, task: str) -> Section:
    own = [r for r in table.results if r.cell.task == task]
    languages = tuple(dict.fromkeys(r.cell.language for r in own))
    rows = []
    for row in table.rows:
        if (row, task) not in table.places:
            continue
        cells = table.places[row, task]
        texts = (_cell_text([r for r in cells if r.cell.language == language]) for language in languages)
        rows.append((table.name(row), *texts))
    note = "Behind each score the start of its digest, for `xadapt explain`; with several seeds one each."
    return Section(f"{task} by language", ("composition", *languages), tuple(rows), note)


def _cell_text(found: Sequence[Result]) -> str:
    parts = [
        r.status
        if r.value is None
        else f"{r.value:.1f}{r.mark}{' collapsed' * (r.status == 'collapsed')} {r.digest[:8]}"
        for r in found
    ]
    return ", ".join("n/a" if part == "undefined" else part for part in parts)
