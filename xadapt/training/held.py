"""In how many bits frozen matrices are held: as many as the modules that stand on them were trained on."""

from collections.abc import Iterator, Sequence

from xadapt.composition import Composition
from xadapt.errors import ConfigError
from xadapt.sources.published import Published
from xadapt.stages.merged import Merged
from xadapt.stages.mixture import Mixture
from xadapt.stages.train import Train
from xadapt.workflow.context import Context

Standing = Train | Mixture | Merged | Published | Composition | None
"""What may stand on an encoder."""


def held_in(modules: Sequence[Standing], context: Context) -> int | None:
    """The bits of the frozen matrices that the modules were trained on; of the context where nothing says.

    Raises ConfigError where they were trained on different ones.
    """
    trained = {stage.digest: stage for module in modules for stage in _trained_by(module)}
    found = {
        context.store.record(digest).notes.get("memory", {}).get("bits"): stage.title()
        for digest, stage in trained.items()
    }
    if len(found) > 1:
        said = ", ".join(f"{title} on {bits or 'all'} bits" for bits, title in found.items())
        raise ConfigError(
            f"modules of differently quantised encoders: {said}", "run --again with one --memory"
        )
    return next(iter(found), context.bits)


def _trained_by(module: Standing) -> Iterator[Train | Mixture]:
    """The finished trainings that say what encoder a module is for."""
    if isinstance(module, Train | Mixture):
        yield module
    elif isinstance(module, Merged | Composition):
        for part in module.merge.parts if isinstance(module, Merged) else module.parts:
            yield from _trained_by(part)
