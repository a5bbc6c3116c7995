"""The processes of the Ray that this process uses."""

import contextlib

import psutil
import ray


def process_of_our_ray(name: str) -> psutil.Process:
    """The one with this name, whatever other Ray has been started from here."""
    session = ray._private.worker._global_node.get_session_dir_path()
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):  # an ended one that nobody has waited for
            if child.name() == name and any(session in word for word in child.cmdline()):
                return child
    raise AssertionError(f"no {name} of {session}")
