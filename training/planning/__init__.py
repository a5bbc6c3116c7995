"""Memory, time and price of a recipe on a cluster, by formula and by simulation. Independent of torch and ray."""
