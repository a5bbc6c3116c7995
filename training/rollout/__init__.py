"""Rollouts: engines that decode tokens, conversations that hold turns, and the sampler over both."""
