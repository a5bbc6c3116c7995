"""The Berkeley Function Calling Leaderboard, judged by the semantics of its official checker (`bfcl-eval`).

In the order of use: `rows` (questions joined with their answers), `python_form` (calls as Python text), `matching` and
`foreign_values` (one turn's calls against allowed values), `golds` (a call that a row itself allows), `scenario`
(calls on instances, turn by turn), `worker` and `worker_process` (the process that holds them), `verifier`, `scores`.
The data and the scenario classes are the benchmark's: they are read from an installed `bfcl-eval` (`package`).
"""
