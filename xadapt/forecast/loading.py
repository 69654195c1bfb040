"""What loading encoders costs: a process keeps the last one, and stages that follow on it pay nothing."""

from collections.abc import Hashable, Iterable, Mapping

from xadapt.composition import Composition
from xadapt.forecast.device import Device
from xadapt.forecast.modules import method_of
from xadapt.forecast.work import Work
from xadapt.recipe import Full
from xadapt.stages.encoder import Encoder
from xadapt.stages.mixture import Mixture
from xadapt.stages.predict import Predict
from xadapt.stages.train import Train
from xadapt.workflow.stage import Stage


def loadings(
    stages: Iterable[Stage], works: Mapping[str, Work], device: Device, workers: int = 1
) -> dict[str, float]:
    """Seconds of loading an encoder, by digest of the stage that begins a run of stages on it.

    `stages` are in the order in which they run; each worker loads what is frozen once.
    """
    found, last = {}, None
    for stage in stages:
        key, size = encoder_of(stage), works[stage.digest].model
        if key is None or size is None or key == last:
            continue
        whole = isinstance(key, str) and key == stage.digest
        found[stage.digest] = device.loading(size) * (1 if isinstance(key, str) else workers)
        last = last if whole else key
    return found


def encoder_of(stage: Stage) -> Hashable | None:
    """What a stage loads to compute on, kept in the process until another one is asked for; None for nothing.

    A full training, and what predicts by one, has an encoder to itself.
    """
    if not isinstance(stage, Train | Mixture | Predict):
        return None
    module = stage.module if isinstance(stage, Predict) else stage
    if isinstance(method_of(module), Full):
        return (module.parts[0] if isinstance(module, Composition) else module).digest
    return stage.model.digest if isinstance(stage.model, Encoder) else stage.model
