"""Stored predictions -> the folder that XTREME and XTREME-R take, and back to scores."""
