"""Renders a run folder as one readable HTML page. Independent of how the run was made."""
