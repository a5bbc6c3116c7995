"""One stage of reinforcement learning: the loop, which rollouts a step gets, what is watched. Knows no engine, trainer
or cluster."""
