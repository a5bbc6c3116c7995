"""From a sample to its reward: which verifiers judge a row, what their verdicts add up to. Knows nothing of groups or
updates."""
