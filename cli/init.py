"""`xadapt init`"""

from pathlib import Path
from typing import Annotated

import typer

STARTER = """\
# Two English intermediate tasks, three targets; runs on the embedded world as it is.
# For real data: [model] name = "FacebookAI/xlm-roberta-large", and remove [data] and [reading].

[model]
name = "toyworld"

[data]
world = "toyworld"

[reading]
layer = 4

[recipe.bottleneck]
method = {{ name = "bottleneck", reduction_factor = 2 }}
lr = 2e-3
steps = 200
pooling = "max"

[intermediate]
tasks = ["mnli", "hellaswag"]

[target]
tasks = ["xnli", "udpos", "tatoeba"]
compositions = ["alone", "stack(each)"]
"""


def init(
    path: Annotated[Path, typer.Argument(help="The file to write.")] = Path("experiment.toml"),
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write an experiment file to start from.

    **Examples**

    `xadapt init my.toml && xadapt run my.toml`
    """
    from xadapt.errors import ConfigError

    if path.exists() and not force:
        raise ConfigError(f"{path}: is there already", "choose another name, or --force")
    path.write_text(STARTER.format(), encoding="utf-8")
    typer.echo(f"wrote {path}; next: xadapt run {path}")
