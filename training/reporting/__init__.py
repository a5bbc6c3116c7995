"""Renders a run folder as one readable HTML page."""
