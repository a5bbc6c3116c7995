"""What runs behind the walls: the worker that starts jails, a jail's first process, and the test's own process."""
