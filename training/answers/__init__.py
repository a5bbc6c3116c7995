"""The one record of a sampled answer, for rollouts and evaluations alike, and its files. Independent of who samples."""
