"""Which intermediate module to build a target on, without training the target.

Each module is judged by features of the frozen encoder with it on rows of the target (`logme`, `probe`), by
the texts and the losses (`embedding`) of both tasks, and by what it brought to other targets (`matrix`). What
a choice would have cost in points is said wherever the target has been run, too.
"""
