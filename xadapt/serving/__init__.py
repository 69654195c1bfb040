"""Finished modules at work: loaded from a store, answering a user's own rows, exported."""
