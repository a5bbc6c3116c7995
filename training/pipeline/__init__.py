"""A run of a recipe: checked, launched, its stages in order with gates between, replayed. Independent of how a step
works."""
