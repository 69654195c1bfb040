"""`xadapt`: the commands, and how every error ends in one line and an exit code."""

import errno
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from xadapt import __version__
from xadapt.errors import INTERRUPTED, ConfigError, Unwritable, XadaptError, is_out_of_memory, out_of_memory
from xadapt.workflow import stopping

from . import (
    bench,
    clean,
    demo,
    doctor,
    explain,
    export,
    fetch,
    init,
    languages,
    plan,
    predict,
    pull,
    push,
    recommend,
    report,
    run,
    submit,
    tasks,
    verify,
)
from .output import document

EPILOG = (
    "Exit codes: 0 ok; 1 unexpected; 2 usage or bad file; 3 unknown name; 4 data not to be had; "
    "5 changed or corrupt file; 6 does not fit; 7 training failed; 9 wrong environment; "
    "10 some stages failed, for several reasons or beside results that were reached; "
    "130 interrupted (run again to continue)."
)

REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP)
"""What a system says of a path that it does not let anyone use, rather than of a file that we have lost."""

app = typer.Typer(
    name="xadapt",
    no_args_is_help=True,
    add_completion=False,
    epilog=EPILOG,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"xadapt {__version__}\n")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Zero-shot cross-lingual transfer through English intermediate tasks, on a frozen encoder.

    **Examples**

    `xadapt demo` - the whole job on the embedded world

    `xadapt plan xstilts` - what an experiment needs, before anything runs

    `xadapt run my.toml && xadapt report my.toml` - run what is missing, show the matrix
    """


COMMANDS: dict[str, Callable[..., int | None]] = {
    "demo": demo.demo,
    "init": init.init,
    "plan": plan.plan,
    "fetch": fetch.fetch,
    "run": run.run,
    "report": report.report,
    "recommend": recommend.recommend,
    "submit": submit.submit,
    "explain": explain.explain,
    "predict": predict.predict,
    "export": export.export,
    "verify": verify.verify,
    "clean": clean.clean,
    "push": push.push,
    "pull": pull.pull,
    "languages": languages.languages,
    "doctor": doctor.doctor,
}
for name, command in COMMANDS.items():
    app.command(name)(command)
app.add_typer(bench.app, name="bench")
app.add_typer(tasks.app, name="tasks")


def main() -> None:
    """Entry point: run a command and exit with its code."""
    stopping.listen()
    # Rich asks for a colour only where the stream takes it; a dumb stream must not break on letters.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    code = _run()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError as error:
        _stop_writing()
        code = code if isinstance(error, BrokenPipeError) else _unwritten(error)
    sys.exit(code)


def _stop_writing() -> None:
    """Whoever read the output has gone (`| head`): what is left of it goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _unwritten(error: OSError) -> int:
    return _fail(Unwritable.code, f"cannot write the output: {error.strerror}", "")


def _run() -> int:
    try:
        result = app(standalone_mode=False)
        if result == INTERRUPTED:
            # Typer turns Ctrl-C into an exit with this code, without a word.
            return _interrupted()
        return result if isinstance(result, int) else 0
    except XadaptError as error:
        return _fail(error.code, error.message, error.hint)
    except typer.Exit as error:
        return int(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted()
    except (BrokenPipeError, SystemExit):
        # Typer ends so, with code 1, when a pipe broke: the one case in which it exits by itself.
        _stop_writing()
        return 0
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None:
            _stop_writing()
            return _unwritten(error)
        if isinstance(error, OSError) and error.errno in REFUSED and error.filename is not None:
            return _fail(ConfigError.code, f"{error.filename}: {error.strerror}", "")
        if is_out_of_memory(error):
            lost = out_of_memory(sys.argv[1] if len(sys.argv) > 1 else "xadapt", error)
            return _fail(lost.code, lost.message, lost.hint)
        # Typer brings click under a private name, or uses the one installed: known by what it offers.
        if hasattr(error, "format_message"):
            # Pydantic, which typer asks for a choice, puts its own words before the message.
            message = error.format_message().replace("Value error, ", "")
            return _fail(2, message, "see xadapt --help") if message else 2
        log = Path(tempfile.gettempdir()) / f"xadapt-{os.getpid()}.log"
        log.write_text(traceback.format_exc(), encoding="utf-8")
        return _fail(
            1, f"{type(error).__name__}: {error}", f"this is a fault of xadapt; details are in {log}"
        )


def _interrupted() -> int:
    return _fail(INTERRUPTED, "interrupted", "run the same command again to continue")


def _fail(code: int, message: str, hint: str) -> int:
    if "--json" in sys.argv:
        document({"error": {"code": code, "message": message, "hint": hint}})
    sys.stderr.write(f"error: {message}\n" + (f"hint: {hint}\n" if hint else ""))
    return code
