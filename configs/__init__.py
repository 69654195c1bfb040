"""Experiments that ship with xadapt: `xadapt run demo`."""
