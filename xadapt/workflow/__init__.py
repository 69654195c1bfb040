"""How results are kept: digests, stages, a store, plans. Knows nothing of language or torch."""
