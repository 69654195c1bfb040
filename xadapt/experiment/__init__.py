"""An experiment file -> the scores it asks for."""

from xadapt.experiment.cells import Cell, Experiment
from xadapt.experiment.file import load, resolved

__all__ = ["Cell", "Experiment", "load", "resolved"]
