"""The trainer contract and the trainer under it, in one process or over ranks; reference and critic. Know nothing of
where rollouts come from."""
