"""LaTeX that compiles into a paper, and CSV that a spreadsheet reads back."""

import csv
import io
import re

import pytest

from tests.cli.calls import xadapt
from xadapt.report import latex, tidy
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


def test_latex_has_whole_tables_with_rules_and_intervals(found):
    text = latex.tables("my_file", found)
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == text.count(r"\end{table}") == 4
    for tabular in re.findall(r"\\begin\{tabular\}\{(l+c+)\}(.*?)\\end", text, re.S):
        lines = [line for line in tabular[1].splitlines() if " & " in line]
        assert lines and all(line.count(" & ") == len(tabular[0]) - 1 for line in lines)
    assert (
        r"$+20.0^{\dag}_{[" in text and r"my\_file" in text and r"\label{tab:my-file-zero-shot-gains}" in text
    )


def test_the_highest_is_bold_among_rows_selected_alike(found):
    line = next(
        line for line in latex.tables("e", found).splitlines() if line.startswith("fuse(mnli, squad) l")
    )
    assert line.split(" & ")[1].startswith(r"$\mathbf{")
    assert latex.tables("e", found).count(r"\mathbf") == 3 + 2, "three targets, two of them in English"


def test_csv_has_a_line_for_each_cell_with_its_interval_and_family(found):
    rows = list(csv.DictReader(io.StringIO(tidy.text(found))))
    assert len(rows) == len(found) and tuple(rows[0]) == tidy.COLUMNS
    row = next(
        r for r in rows if (r["task"], r["language"], r["composition"]) == ("pawsx", "qab", "stack(mnli)")
    )
    assert float(row["low"]) < float(row["value"]) == 60 < float(row["high"]) and row["family"] == "Toy"
    assert len(row["digest"]) == 64


@pytest.fixture
def run(asked, store, tmp_path):
    """`xadapt report` on a filled store: exit code, stdout, stderr."""
    fakes.fill(asked, store)

    def call(*words: str) -> tuple[int, str, str]:
        done = xadapt("report", str(tmp_path / "e.toml"), "--store", str(store.root), *words)
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
