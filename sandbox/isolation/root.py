"""The file tree that a jailed program sees: the interpreter, its libraries, five devices, and nothing else of the host.

`needed_paths` runs before the namespaces are entered, `build_root` in them with all capabilities. A runtime (a
compiler, node, numpy) adds its own paths and packages.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping

from openqwq.sandbox.isolation import syscalls as sc
from openqwq.sandbox.isolation.host_paths import EMPTY, mount_points, open_host_path, show

DEVICES = ("null", "zero", "full", "random", "urandom")
SCRATCH = "/box"
"""Where programs find the scratch folder; the path that ioi/isolate made usual."""
PACKAGES = "/packages"
REPLACED_FOLDERS = ("/tmp/", "/box/", "/proc/", "/dev/", "/packages/")
_LOADER_FOLDERS = ("/lib", "/lib64", "/usr/lib64")
_OPTIONAL = ("/etc/ld.so.cache", "/usr/share/zoneinfo")
_MOUNT_POINTS = ("/tmp", "/mnt", "/opt", "/var/tmp", "/srv", "/home")
_FILES = {
    "etc/passwd": "runner:x:65534:65534:runner:/box/work:/bin/false\n",
    "etc/group": "runner:x:65534:\n",
    "etc/hosts": "127.0.0.1 localhost\n",
}


def _mapped_libraries() -> set[str]:
    with open("/proc/self/maps") as maps:
        paths = {line.split(None, 5)[5].strip() for line in maps if line.count("/")}
    return {path for path in paths if ".so" in os.path.basename(path) and os.path.exists(path)}


def _standard_folders() -> set[str]:
    """The folders of the standard library. Not by `sysconfig`, which loads modules that may be hidden by then."""
    return {os.path.dirname(os.__file__)} | {path for path in sys.path if path.endswith("/lib-dynload")}


def interpreter() -> str:
    """The real executable: the one behind a virtual environment, under its own name."""
    return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)


def needed_paths(tools: Iterable[str] = ()) -> list[str]:
    """Folders and files to show, outermost only. Modules whose shared libraries should be found are imported first."""
    libraries = {os.path.dirname(os.path.realpath(path)) for path in _mapped_libraries()}
    standard = _standard_folders()
    loaders = {
        folder
        for folder in _LOADER_FOLDERS
        if not os.path.islink(folder)
        and os.path.isdir(folder)
        and any(name.startswith("ld-linux") for name in os.listdir(folder))
    }
    wanted = libraries | standard | loaders | {interpreter()} | {path for path in _OPTIONAL if os.path.exists(path)}
    wanted |= {os.path.realpath(path) for path in tools}
    wanted.discard("/")
    return _outermost(wanted)


def _outermost(paths: Iterable[str]) -> list[str]:
    kept: list[str] = []
    for path in sorted(set(paths)):
        if not any(path.startswith(above + "/") for above in kept):
            kept.append(path)
    return kept


def links() -> dict[str, str]:
    """Links to make, by name without the first slash: links at the top of the host that the paths of the interpreter go
    through, other names of the interpreter, and the usual names for the scratch folder and /proc."""
    candidates = ("/lib", "/lib64", "/usr/lib64", "/bin")
    wanted = {path[1:]: os.readlink(path) for path in candidates if os.path.islink(path)}
    for alias in {sys.executable, getattr(sys, "_base_executable", sys.executable)}:
        # `python3` beside `python3.11`, so that a program that starts sys.executable finds it.
        if alias != interpreter() and os.path.islink(alias) and alias.startswith(sys.base_prefix + "/"):
            wanted[alias[1:]] = interpreter()
    wanted |= {"tmp": f"{SCRATCH}/tmp", "dev/shm": f"{SCRATCH}/shm", "dev/fd": "/proc/self/fd"}
    wanted |= {f"dev/{name}": f"/proc/self/fd/{number}" for number, name in enumerate(("stdin", "stdout", "stderr"))}
    return wanted


def build_root(paths: list[str], packages: Mapping[str, str]) -> None:
    """Build the tree on a fresh tmpfs and make it the root, read-only. It has the /proc of this PID namespace.

    `packages` (name: folder on the host) are shown below PACKAGES.
    """
    wanted_links = links()
    sc.mount("none", "/", None, sc.MS_REC | sc.MS_PRIVATE)
    wanted = {path: path for path in [*paths, *(f"/dev/{name}" for name in DEVICES)]}
    wanted |= {f"{PACKAGES}/{name}": folder for name, folder in packages.items()}
    mounts = mount_points()
    # Opened before the tmpfs covers a folder they may lie in; shown through /proc/self/fd.
    shown = [open_host_path(target, source, mounts) for target, source in wanted.items()]
    base = next(path for path in _MOUNT_POINTS if os.path.isdir(path))
    sc.mount("root", base, "tmpfs", sc.MS_NOSUID, "size=1m,nr_inodes=2000,mode=755")
    os.chdir(base)
    for folder in ("proc", SCRATCH[1:], "dev", "etc", EMPTY):
        os.makedirs(folder, exist_ok=True)
    for path in shown:
        show(path)
    for name, text in _FILES.items():
        with open(name, "w") as file:
            file.write(text)
    for name, target in wanted_links.items():
        if not os.path.lexists(name):
            os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
            os.symlink(target, name)
    _hide_installed_packages()
    sc.mount("proc", "proc", "proc", sc.MS_NOSUID | sc.MS_NODEV | sc.MS_NOEXEC)
    os.chdir(base)  # the path now leads to the tmpfs itself
    sc.pivot_root_here()
    sc.make_read_only_here()


def _hide_installed_packages() -> None:
    """Cover site-packages of the host, which may lie in the folder of the standard library, with an empty folder."""
    for name in ("site-packages", "dist-packages"):
        for standard in _standard_folders():
            folder = os.path.join(standard, name)[1:]
            if os.path.isdir(folder) and os.listdir(folder):
                sc.mount(EMPTY, folder, None, sc.MS_BIND)
                sc.make_read_only(folder)  # a mount of its own: an unprivileged server's user owns the empty folder
