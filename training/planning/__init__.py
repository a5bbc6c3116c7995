"""Memory, time and price of a recipe on a cluster, by formula and by simulation. Imports neither torch nor ray."""
