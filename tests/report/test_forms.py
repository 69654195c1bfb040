"""LaTeX that compiles into a paper, and CSV that a spreadsheet reads back."""

import csv
import io
import re
import shutil
import subprocess

import pytest

from tests.cli.calls import here
from xadapt.report import latex, markdown, summary, tidy
from xadapt.report.table import results

from . import fakes


@pytest.fixture
def found(asked, store):
    fakes.fill(asked, store)
    return results(asked.cells(), store)


def test_what_latex_reads_as_a_command_is_escaped():
    said = latex.escape(r"a_b & 5% #1 $x {y} ~ ^ \ <c>")
    assert said.startswith(r"a\_b \& 5\% \#1 \$x \{y\} \textasciitilde{} \textasciicircum{} \textbackslash{}")
    assert latex.escape("stack(mnli)") == "stack(mnli)"


ROW = re.compile(r"\\raggedright (.*?) & (.*) \\\\$")


def tabulars(text: str) -> list[tuple[str, list[tuple[str, list[str]]]]]:
    """Columns of each table, and its rows: the name, the cells."""
    found = re.findall(r"\\begin\{tabular\}\{p\{[^}]*\}(c+)\}\n(.*?)\\bottomrule", text, re.S)
    return [
        (columns, [(m[1], m[2].split(" & ")) for m in map(ROW.match, body.splitlines()) if m])
        for columns, body in found
    ]


def environments(text: str) -> list[str]:
    """The environments that are open, checked to close in order; braces, too, are closed in every line."""
    stack: list[str] = []
    for line in text.splitlines():
        bare = re.sub(r"\\[\\{}]", "", line)
        assert bare.count("{") == bare.count("}"), line
        for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", line):
            if kind == "begin":
                stack.append(name)
            else:
                assert stack.pop() == name, line
    return stack


def test_latex_has_whole_tables_with_rules_and_intervals(found):
    text = latex.tables("my_file", found)
    assert environments(text) == []
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == text.count(r"\end{table}") == 4
    for columns, rows in tabulars(text):
        assert rows and all(len(cells) == len(columns) for _, cells in rows)
    assert r"\xadaptcell{$+20.0^{\dag}$}{$[" in text
    assert r"my\_file" in text and r"\label{tab:my-file-zero-shot-gains}" in text


def test_the_highest_is_bold_among_rows_selected_alike(found):
    text = latex.tables("e", found)
    (cells,) = [
        cells
        for name, cells in tabulars(text)[0][1]
        if name.replace(r"\allowbreak{}", "") == "fuse(mnli, squad) large"
    ]
    assert cells[0].startswith(r"\xadaptcell{$\mathbf{")
    assert text.count(r"\mathbf") == 3 + 2, "three targets, two of them in English"


def test_a_table_too_large_for_a_page_is_several_that_say_the_same(found, monkeypatch):
    whole = {
        (name, cell)
        for _, rows in tabulars(latex.tables("e", found))
        for name, cells in rows
        for cell in cells
    }
    monkeypatch.setattr(latex, "WIDE", 1)
    monkeypatch.setattr(latex, "HIGH", 2)
    text = latex.tables("e", found)
    assert environments(text) == []
    assert all(len(columns) == 1 and len(rows) <= 2 for columns, rows in tabulars(text))
    assert {(name, cell) for _, rows in tabulars(text) for name, cells in rows for cell in cells} == whole
    labels = re.findall(r"\\label\{(.*?)\}", text)
    assert len(labels) == len(set(labels)) == text.count(r"\begin{table}") > 4
    # Each begins with how its rows were selected.
    assert all(r"\emph{" in body.split(r"\raggedright")[0] for body in text.split(r"\toprule")[1:])


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on this machine")
def test_it_compiles_in_a_plain_article_and_fits_its_lines(found, tmp_path):
    (tmp_path / "t.tex").write_text(latex.tables(r"a_b & 5% #1 $x {y} ~ ^ \ <c>", found), encoding="utf-8")
    document = r"\documentclass{article}\usepackage{booktabs}\begin{document}\input{t}\end{document}"
    (tmp_path / "main.tex").write_text(document)
    words = ("pdflatex", "-interaction=nonstopmode", "-halt-on-error", "main.tex")
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout and "Float too large" not in done.stdout, done.stdout[-4000:]
    assert (tmp_path / "main.pdf").stat().st_size > 10_000


def test_csv_has_a_line_for_each_cell_with_its_interval_and_family(found):
    rows = list(csv.DictReader(io.StringIO(tidy.text(found))))
    assert len(rows) == len(found) and tuple(rows[0]) == tidy.COLUMNS
    row = next(
        r for r in rows if (r["task"], r["language"], r["composition"]) == ("pawsx", "qab", "stack(mnli)")
    )
    assert float(row["low"]) < float(row["value"]) == 60 < float(row["high"]) and row["family"] == "Toy"
    assert len(row["digest"]) == 64


SEEDS = fakes.TEXT.replace("[model]\n", "seeds = [1, 2]\n[model]\n", 1)


@pytest.fixture
def seeds(tmp_path, store):
    """Two seeds; the second of `stack(mnli)` is right in 2 items fewer, so 4 points."""
    asked = fakes.load(tmp_path, SEEDS)
    for cell in asked.cells():
        if cell.score is not None and cell.score not in store:
            less = 2 if (cell.composition, cell.seed) == ("stack(mnli)", 2) else 0
            fakes.write(store, cell.score, fakes.right(cell) - less)
    return results(asked.cells(), store)


def test_text_has_the_mark_and_the_spread_over_seeds(seeds, store):
    text = markdown.page("e", seeds)
    zero_shot, english = (text[text.index(f"Gain over alone, {part}") :] for part in ("zero-shot", "English"))
    for part in (zero_shot, english):
        line = next(line for line in part.splitlines() if line.startswith("| stack(mnli) small"))
        # Of two seeds that differ by 4 points the deviation is 4 / sqrt(2).
        assert re.search(r"\| \+18\.0†? \[[^]]*\] ±2\.8 \|", line), line
        assert "standard deviation of the gain over seeds" in part
    (line,) = [
        line
        for line in zero_shot.split("Gain over alone, E")[0].splitlines()
        if "fuse" in line and "small" in line
    ]
    assert re.search(r"\| \+30\.0† \[[^]]*\] ±0\.0 \|", line), line


def test_csv_has_the_gain_of_the_mean_that_a_cell_is_in(seeds):
    rows = list(csv.DictReader(io.StringIO(tidy.text(seeds))))
    own = [r for r in rows if (r["task"], r["composition"], r["recipe"]) == ("pawsx", "stack(mnli)", "small")]
    assert {(r["language"] == "en", r["part"]) for r in own} == {(True, "en"), (False, "zero-shot")}
    for row in own:
        assert float(row["gain"]) == pytest.approx(18) and float(row["gain_deviation"]) == pytest.approx(
            8**0.5
        )
        assert float(row["gain_low"]) < 18 < float(row["gain_high"])
        assert row["gain_significant"] == str(float(row["gain_p_holm"]) < 0.05)
    assert all(r["gain"] == "" for r in rows if r["composition"] == "alone")


def test_json_has_the_gain_in_english_apart(seeds):
    every = summary.summary(seeds)
    (own,) = [
        e for e in every if (e["task"], e["composition"], e["recipe"]) == ("pawsx", "stack(mnli)", "small")
    ]
    assert own["over_alone_english"]["value"] == pytest.approx(18) == own["over_alone"]["value"]
    assert own["over_alone_english"]["deviation"] == pytest.approx(8**0.5)
    assert own["over_alone_english"]["by_seed"] == pytest.approx([20, 16])
    assert all(e["over_alone_english"] is None for e in every if e["task"] == "tatoeba"), "it has no English"


@pytest.fixture
def run(asked, store, tmp_path):
    """`xadapt report` on a filled store: exit code, stdout, stderr."""
    fakes.fill(asked, store)

    def call(*words: str) -> tuple[int, str, str]:
        done = here("report", str(tmp_path / "e.toml"), "--store", str(store.root), *words)
        return done.returncode, done.stdout, done.stderr

    return call


def test_a_format_goes_to_a_file_or_to_stdout(run, tmp_path):
    code, out, err = run("--format", "html", "--output", str(tmp_path / "deep" / "e.html"))
    assert (code, out) == (0, "") and "e.html" in err
    assert (tmp_path / "deep" / "e.html").read_text().startswith("<!doctype html>")
    assert run("--format", "csv")[1].startswith("task,language,")
    run("--format", "terminal", "--output", str(tmp_path / "e.txt"))
    assert "Zero-shot scores" in (tmp_path / "e.txt").read_text()


def test_a_folder_gets_the_page_too(run, tmp_path):
    run("--output", str(tmp_path / "out"), "--json")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["e.html", "e.json", "e.md"]


def test_two_formats_are_one_line_of_error(run):
    code, out, err = run("--json", "--format", "csv")
    assert code == 2 and "--json --format csv" in out + err
