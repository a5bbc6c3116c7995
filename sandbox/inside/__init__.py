"""Code that runs isolated from the host: the worker, which starts and watches jails, and the process of a test."""
