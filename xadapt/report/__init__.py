"""Scores -> tables. What is missing, failed, limited, collapsed or undefined is shown as such."""
