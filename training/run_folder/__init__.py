"""The files of a run, written and read: folder, record, checkpoints, metrics. Independent of how their contents are
computed."""
