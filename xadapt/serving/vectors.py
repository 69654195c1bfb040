"""Vectors as they come -> one .npy file, in memory that does not grow with their number."""

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from xadapt.errors import DataError


def write(vectors: Iterable[np.ndarray], output: Path) -> tuple[int, int]:
    """[count, width], float32; return both. Raises DataError for none; `output` is whole or as it was."""
    count = width = 0
    # The header says how many there are, which is known at the end.
    with tempfile.TemporaryFile(dir=output.parent) as kept:
        for vector in vectors:
            count, width = count + 1, len(vector)
            kept.write(np.ascontiguousarray(vector, dtype="<f4").tobytes())
        if not count:
            raise DataError(f"{output}: no rows to write vectors of")
        kept.seek(0)
        part = output.with_name(f".{output.name}.part")
        try:
            with part.open("wb") as file:
                header = {"descr": "<f4", "fortran_order": False, "shape": (count, width)}
                npy.write_array_header_1_0(file, header)
                shutil.copyfileobj(kept, file)
            part.replace(output)
        finally:
            part.unlink(missing_ok=True)
    return count, width
