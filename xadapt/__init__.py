"""Zero-shot cross-lingual transfer through English intermediate tasks, on a frozen encoder.

An experiment file names a model, recipes, tasks and compositions. It expands to a plan of stages -
data, train, predict, score - each kept in a store under the digest of its inputs. A report is a
table of scores, each carrying the digest it came from.
"""

__version__ = "0.1.0"
