"""Memory, time and price of a recipe on a cluster, by formula and by simulation. Needs neither torch nor a cluster."""
