"""An experiment file -> the scores it asks for."""

from xadapt.experiment.cell import Cell
from xadapt.experiment.cells import Experiment
from xadapt.experiment.file import load, resolved
from xadapt.experiment.locked import locked, ready

__all__ = ["Cell", "Experiment", "load", "locked", "ready", "resolved"]
