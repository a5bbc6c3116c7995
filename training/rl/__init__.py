"""One stage of reinforcement learning: the loop, the schedule of rollouts, the alerts. Independent of engine, trainer
and cluster."""
