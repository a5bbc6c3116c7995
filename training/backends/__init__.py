"""Trainers behind one Protocol (backend.py). The default runs on Accelerate in one process."""
