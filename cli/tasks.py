"""`xadapt tasks`"""

from typing import Annotated, Any

import typer

from .options import Json
from .output import document, stdout


def tasks(
    name: Annotated[str | None, typer.Argument(help="Show one task whole.")] = None, as_json: Json = False
) -> None:
    """List the tasks, or show one: languages, metric, source, licence, what its numbers mean.

    **Examples**

    `xadapt tasks`

    `xadapt tasks udpos`

    `xadapt tasks --json`
    """
    from xadapt import tasks as registry

    found = [registry.task(name)] if name else list(registry.tasks().values())
    if as_json:
        document({"tasks": [_facts(task) for task in found]})
        return
    out = stdout()
    for task in found:
        if name:
            for key, value in _facts(task).items():
                text = " ".join(map(str, value)) if isinstance(value, list | tuple) else value
                out.print(f"{key:10} {text}", markup=False)
        else:
            out.print(f"{task.name:10} {task.type:15} {task.role:13} {len(task.languages):3}  {task.title}")


def _facts(task: Any) -> dict[str, Any]:
    from xadapt.task import sources

    test = task.test(task.languages[0]) if task.test else None
    return {
        "name": task.name,
        "title": task.title,
        "type": task.type,
        "role": task.role,
        "benchmark": list(task.benchmarks),
        "languages": list(task.languages),
        "metric": task.metric,
        "labels": list(task.labels),
        "train": [_place(source) for source in sources(task.train)],
        "test": [_place(source) for source in sources(test)],
        "license": task.license,
        "quirks": task.quirks,
    }


def _place(source: Any) -> str:
    return f"{source.path} {source.config} {source.split} @ {source.revision or 'to be locked'}"
