"""Cold start and reward model through TRL's trainers, alone or over ranks. Know nothing of rollouts and rewards."""
