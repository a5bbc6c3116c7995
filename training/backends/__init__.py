"""The trainer contract and the trainer under it, in one process or over ranks; reference and critic. Independent of
where rollouts come from."""
