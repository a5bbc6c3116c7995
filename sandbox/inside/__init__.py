"""What runs isolated from the host: the worker that starts and watches jails, and the test's own process."""
