"""From judged groups to tensors: one batch a step, packed into micro-batches. Pure; knows no model and no process."""
