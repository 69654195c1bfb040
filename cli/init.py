"""`xadapt init`"""

from pathlib import Path
from typing import Annotated

import typer

from .options import Json
from .output import document, written

DEFAULT_FILE = Path("experiment.toml")


def init(
    path: Annotated[Path, typer.Argument(help="The file to write.", metavar="FILE")] = DEFAULT_FILE,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    as_json: Json = False,
) -> None:
    """Write an experiment file to start from.

    **Examples**

    `xadapt init my.toml && xadapt run my.toml`
    """
    from xadapt.errors import ConfigError
    from xadapt.shipped import shipped

    if path.exists() and not force:
        raise ConfigError(f"{path}: is there already", "choose another name, or --force")
    with written(f"cannot write {path}", "choose another name"):
        path.write_bytes(shipped()["starter"].read_bytes())
    if as_json:
        document({"path": str(path)})
    else:
        typer.echo(f"wrote {path}; next: xadapt run {path}")
