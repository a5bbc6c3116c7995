"""What a run writes and how it is read again: folder, record, checkpoints, metrics. Knows nothing of who computes what
it holds."""
