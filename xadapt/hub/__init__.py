"""Modules shared: pushed to the hub or to a folder that others reach, and pulled into a store, verified."""
