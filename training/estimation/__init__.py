"""What a suite's samples say: averages, pass@k, consensus, two intervals, paired differences. Pure functions on
numbers, independent of suites, models and files."""
