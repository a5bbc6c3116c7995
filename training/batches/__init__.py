"""Turns judged groups into tensors: one batch per step, packed into micro-batches. Pure; independent of models and
processes."""
