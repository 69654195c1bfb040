"""An experiment file -> the scores it asks for."""

from xadapt.experiment.cells import Cell, Experiment
from xadapt.experiment.file import load, resolved
from xadapt.experiment.locked import locked, ready

__all__ = ["Cell", "Experiment", "load", "locked", "ready", "resolved"]
