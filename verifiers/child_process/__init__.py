"""Work that may have to be killed: a child interpreter that answers one line of JSON to each line that it is asked.

`caller.py` is the side that asks and kills, `server.py` the child's, `shared.py` what one process holds of such things.
Knows nothing of what is asked: the math verifier runs sympy behind it, BFCL's verifier its scenarios.
"""
