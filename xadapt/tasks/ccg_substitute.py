"""Free stand-in for CCG supertagging: English part-of-speech tags. Never to be reported as CCG."""

from xadapt.task import Task
from xadapt.tasks import udpos

TASK = Task(
    name="ccg_substitute",
    title="Substitute for CCG: English part-of-speech tags",
    type="tagging",
    metric="token_accuracy",
    role="intermediate",
    labels=udpos.LABELS,
    read=udpos.read,
    train=udpos.TASK.train,
    dev=udpos.TASK.dev,
    test=udpos.TASK.test,
    license="per treebank",
    quirks="17 tags in place of 1,363 categories, so its gains are not those of CCG; its rows are those of "
    "udpos, so that target sees the same data twice",
)
