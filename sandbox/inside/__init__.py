"""What runs behind the walls: the worker that starts and watches jails, and the test's own process."""
