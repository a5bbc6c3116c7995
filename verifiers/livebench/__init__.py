"""LiveBench's questions, judged as its own code judges them: no model is asked, and no text of an answer is executed.

The verifier `livebench` reads a question from `reference` (`form: livebench` writes it there) or from the row itself.
Its verdicts are the official ones, faults included, for published numbers; `benchmarks/livebench_peer.py` compares them
with the official functions. Where they differ:
    formulas           AMPS_Hard and integrals_with_game are compared by the math verifier, not by lark, sympy and
                       (since 2026) a model
    connections        a group that is written twice counts once; officially each time, which can pay more than 1
    tablereformat      our own readers give cells the types that pandas gives them; dates stay texts. Officially no
                       answer is right where a column of texts holds 007, at which numpy stumbles; here one is
    plot_unscrambling  an answer whose comparison costs too much scores 0
    failures           an answer on which the official code fails scores 0, as there. A gold that cannot be read is
                       refused by `check_reference` and is an error when judged; there it scores 0

Judged elsewhere: coding tasks (verifier `code`), agentic coding (nowhere). instruction_following asks `ifeval`.
"""
