"""Isolation of a program from the host: `backend.py` is the contract, `build.py` lists the three backends."""
