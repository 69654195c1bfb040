"""Merged stages: finished modules in, one module out."""

from pathlib import Path
from typing import Any

from xadapt.modeling import formats
from xadapt.modeling import merge as merges
from xadapt.stages.merged import Merged
from xadapt.stages.train import slug
from xadapt.training.restore import base, check_defined, single
from xadapt.workflow.context import Context


def merge(stage: Merged, out: Path, context: Context) -> dict[str, Any]:
    """Write the merged module into `out`. Raises ConfigError for modules that have no exact merge."""
    check_defined(stage, stage.merge)
    ground = base(stage.model, context, modules=stage.merge.parts)
    modules = [single(part, ground, context) for part in stage.merge.parts]
    made, error = merges.merge(modules, stage.merge)
    about = formats.About(slug(stage.expression), ground.name, (), "first")
    formats.save_module(out, made, about, ground.encoder.config)
    return {"error": error}
