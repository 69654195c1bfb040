"""The pages of --help: examples first, no word lost, and narrow terminals."""

import pytest
import typer.main
from typer.testing import CliRunner

from xadapt.cli.main import app


def pages() -> list[tuple[str, ...]]:
    """Every command, and every command of a command."""
    found: list[tuple[str, ...]] = []
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        found += [(name,), *((name, below) for below in getattr(command, "commands", ()))]
    return found


def shown(words: tuple[str, ...], columns: int) -> str:
    env = {"COLUMNS": str(columns), "NO_COLOR": "1", "TERM": "dumb"}
    done = CliRunner().invoke(app, [*words, "--help"], env=env)
    assert done.exit_code == 0
    return done.stdout


def test_there_are_all_commands():
    assert {("run",), ("fetch",), ("tasks", "show"), ("tasks", "xquad-r")} <= set(pages())


@pytest.mark.parametrize("words", pages(), ids=" ".join)
def test_examples_come_first_and_call_the_command(words):
    page = shown(words, 100)
    start = f"xadapt {' '.join(words)}"
    assert page.index("Examples") < page.index(start, page.index("Examples")) < page.index("Options")


@pytest.mark.parametrize("words", [(), *pages()], ids=" ".join)
def test_a_page_fits_a_narrow_terminal(words):
    assert max(map(len, shown(words, 40).splitlines())) <= 40


@pytest.mark.parametrize("words", [(), *pages()], ids=" ".join)
def test_markdown_eats_no_word_in_angle_brackets(words):
    command = typer.main.get_command(app)
    for word in words:
        command = command.commands[word]  # type: ignore[attr-defined]
    texts = [command.help or "", *(getattr(each, "help", None) or "" for each in command.params)]
    assert not [text for text in texts if "<" in text]
    assert "//" not in shown(words, 200).replace("://", "")
