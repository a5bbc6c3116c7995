"""Looks at data as a run would see it: `openqwq data show` and `openqwq data check`. Independent of training."""
