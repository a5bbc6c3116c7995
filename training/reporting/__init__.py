"""A run folder as one readable HTML page. Knows nothing of how the run was made."""
