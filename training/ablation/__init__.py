"""Arms of a recipe over seeds: their recipes and folders, their runs, one table. Knows nothing of what happens within
a run."""
