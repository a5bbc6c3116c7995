"""Rewards of samples: selects the verifiers of a row and combines their verdicts into a reward. Independent of groups
and updates."""
