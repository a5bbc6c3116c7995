"""What stands between a program and the host: `backend.py` is the contract, `build.py` knows the three kinds."""
