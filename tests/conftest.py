"""One thread per process, here and in the commands that tests start: tiny tensors gain nothing from more,
and two threads on a busy machine are many times slower than one."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")
# Processes that share out the tests say how wide the terminal is, which commands would take for a wish.
os.environ.pop("COLUMNS", None)
