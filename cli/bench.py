"""`xadapt bench`"""

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import Json, Quiet
from .output import document, note, stdout, written
from .run import Device, Precision

if TYPE_CHECKING:
    from xadapt.forecast.device import Calibration

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")

Model = Annotated[
    str | None,
    typer.Option(
        help="toyworld, or a size such as xlm-roberta-base, with random weights. By default toyworld, and on "
        "a GPU, which that does not keep busy, xlm-roberta-large.",
        rich_help_panel="Where",
    ),
]
Workers = Annotated[
    int,
    typer.Option(min=1, help="Measure one of so many processes on the cores.", rich_help_panel="Where"),
]


@app.callback()
def _bench() -> None:
    """Measure this device, for the hours of `xadapt plan`.

    **Examples**

    `xadapt bench device --workers 2`
    """


@app.command("device")
def device(
    model: Model = None,
    workers: Workers = 1,
    device: Device = "auto",
    precision: Precision = "auto",
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Measure what stages cost here; `xadapt plan` then says hours.

    Trains and predicts a little with every method and composition, with rows of the toy world. One thread of
    a CPU is measured in process CPU time, which other programs disturb least; the rest in wall time. A GPU is
    measured by the steps of its host and by a batch that keeps it busy.

    **Examples**

    `xadapt bench device --workers 2`

    `xadapt bench device --model xlm-roberta-large`
    """
    from xadapt import environment
    from xadapt.experiment.models import planned
    from xadapt.forecast.device import calibrations, keep, place
    from xadapt.forecast.measure import measure
    from xadapt.forecast.model import of_name
    from xadapt.forecast.random_weights import random_model
    from xadapt.recipe import ModelSpec
    from xadapt.sources.lock import Lock
    from xadapt.training.precision import accelerator

    environment.check_device(device)
    # A place that cannot be read or written says so before minutes of measuring.
    calibrations()
    with written(f"cache folder {place().parent}", "set XDG_CACHE_HOME to another one"):
        place().parent.mkdir(parents=True, exist_ok=True)
    say = (lambda text: None) if quiet else (lambda text: note(f"measuring: {text}"))
    threads = max(1, (os.cpu_count() or 1) // workers)
    if model is None:
        on_gpu = accelerator(device, precision).device.type == "cuda"
        model = "xlm-roberta-large" if on_gpu else "toyworld"
    size = None if model == "toyworld" else of_name(model)
    with tempfile.TemporaryDirectory() as folder:
        spec = (
            planned(ModelSpec(name="toyworld"), Lock()) if size is None else random_model(size, Path(folder))
        )
        made = measure(spec, threads, device=device, precision=precision, say=say)
    kept = keep(made)
    if as_json:
        from dataclasses import asdict

        document({"place": str(kept), "calibration": asdict(made)})
        return
    _print(made, kept)


def _print(made: "Calibration", place: Path) -> None:
    out = stdout()
    out.print(f"{made.name}: {made.basis}", markup=False)
    out.print(f"{'':34}{'stage s':>9}{'step ms':>9}{'token us':>10}{'row us':>9}")
    for name, cost in made.costs.items():
        figures = f"{cost.stage:9.3f}{1e3 * cost.step:9.2f}{1e6 * cost.token:10.2f}{1e6 * cost.row:9.1f}"
        out.print(f"{name:34}{figures}", markup=False)
    shares = f"{made.beside:.0%} of a step's overhead and {made.apart:.0%} of a stage's"
    out.print(f"a further training side by side adds {shares}", markup=False)
    out.print(f"kept in {place}", markup=False)
