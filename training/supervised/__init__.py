"""Cold start and reward model through TRL's trainers, in one process or over ranks. Independent of rewards and the RL
loop."""
