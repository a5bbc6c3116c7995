"""The algorithms as pure functions: advantages, losses, and the catalogue that names vetted pairs of them."""
