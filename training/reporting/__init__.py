"""The page of a run folder: reading it, drawing it, laying it out. The entry is `openqwq.training.report`."""
