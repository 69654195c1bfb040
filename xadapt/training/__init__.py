"""Training: which examples form a step, the one loop, its optimizer, random streams and checkpoints."""
