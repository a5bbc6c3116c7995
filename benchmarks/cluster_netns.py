"""The smoke recipe, with more samples, on three machines of one's own making: network namespaces joined by a switch,
each with a home folder of its own and a Ray that `scripts/cluster/start_ray.sh` started. The last holds the token of an
older Ray: it is refused in one line, and joins with a copy of the head's. Then the recipe runs undisturbed; with a
machine killed (-9) in the middle of a step of each RL stage; and with a machine's link cut for ten seconds there. Are
the metrics and the final weights equal, and how long does the run take to go on?

Needs root and `ip` (iproute2); makes nothing outside of its own namespaces. `make bench` leaves it out.
"""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.cluster_faults import LIMIT_SECONDS, enlarged, numbers, steps_of, weights

ROOT = Path(__file__).resolve().parents[1]
CUT_SECONDS = 10.0
NODES = 3
DEADLINE_SECONDS = 420.0


class Machines:
    """Namespaces that are hosts to one another: 10.99.0.10, .11 and .12. One more holds the switch."""

    def __init__(self, root: Path) -> None:
        self._names = [f"oq{os.getpid()}n{i}" for i in range(NODES)]
        self._switch = f"oq{os.getpid()}sw"
        self.environment = {
            **os.environ,
            "RAY_AUTH_MODE": "token",  # as environment.sh says it to who sources it
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        self._folder = root / "ray"
        self._homes = [root / f"home{i}" for i in range(NODES)]
        self.refusal = ""
        """What the machine with an old token was told."""

    def wire(self) -> None:
        """The machines and their switch, without a Ray."""
        ip("netns", "add", self._switch)
        ip("-n", self._switch, "link", "add", "br0", "type", "bridge")
        ip("-n", self._switch, "link", "set", "br0", "up")
        for i, name in enumerate(self._names):
            ip("netns", "add", name)
            ip("-n", self._switch, "link", "add", f"v{i}", "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("-n", self._switch, "link", "set", f"v{i}", "master", "br0", "up")
            ip("-n", name, "addr", "add", f"10.99.0.1{i}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
            ip("-n", name, "link", "set", "lo", "up")

    def start(self) -> None:
        """Wires, then a Ray on each machine, one after another."""
        self.wire()
        script = str(ROOT / "scripts" / "cluster" / "start_ray.sh")
        common = ["--num-cpus=1", f"--object-store-memory={200 * 2**20}"]
        self._run(0, script, "head", "--port", "6399", *common, self._address(0), f"--temp-dir={self._folder}")
        token = (self._homes[0] / ".ray" / "auth_token").read_text()
        for i in range(1, NODES):
            command = (script, "worker", "10.99.0.10:6399", *common, self._address(i))
            if i == NODES - 1:
                self._give_token(i, "0" * 64)
                self.refusal = self._refused(i, *command)
            self._give_token(i, token)
            self._run(i, *command)

    @staticmethod
    def _address(i: int) -> str:
        return f"--node-ip-address=10.99.0.1{i}"

    def give_token(self, i: int, token: str) -> None:
        """Write the token of a machine."""
        self._give_token(i, token)

    def _give_token(self, i: int, token: str) -> None:
        folder = self._homes[i] / ".ray"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "auth_token").write_text(token)

    def _refused(self, i: int, *words: str) -> str:
        """The line with which a command on a machine fails."""
        command = ["ip", "netns", "exec", self._names[i], *words]
        done = subprocess.run(command, env=self._of(i), capture_output=True, text=True, timeout=120)
        if not done.returncode or done.stderr.count("\n") != 1:
            raise RuntimeError(f"a machine with an old token was not refused in one line: {done.stderr[-1500:]}")
        return done.stderr.strip()

    def said(self, i: int, *words: str) -> tuple[int, str]:
        """Exit status and output of a command on a machine."""
        with tempfile.TemporaryFile() as output:  # as in `_run`
            command = ["ip", "netns", "exec", self._names[i], *words]
            done = subprocess.run(command, env=self._of(i), stdout=output, stderr=output, timeout=300, cwd=ROOT)
            output.seek(0)
            return done.returncode, output.read().decode(errors="replace")

    def token(self, i: int) -> Path:
        """The file in which a machine keeps its token."""
        return self._homes[i] / ".ray" / "auth_token"

    def _of(self, i: int) -> dict[str, str]:
        """The environment of a machine."""
        return {**self.environment, "HOME": str(self._homes[i])}

    def _run(self, i: int, *words: str) -> None:
        with tempfile.TemporaryFile() as said:  # not a pipe: what the command leaves behind would keep it open
            command = ["ip", "netns", "exec", self._names[i], *words]
            if subprocess.run(command, env=self._of(i), stdout=said, stderr=said, timeout=120).returncode:
                said.seek(0)
                raise RuntimeError(f"{' '.join(words[:3])} failed: {said.read().decode()[-1500:]}")

    def popen(self, words: list[str], log: Path) -> subprocess.Popen[bytes]:
        """A command on the first machine."""
        with log.open("wb") as output:
            command = ["ip", "netns", "exec", self._names[0], *words]
            return subprocess.Popen(command, env=self._of(0), stdout=output, stderr=output, cwd=ROOT)

    def pids(self, i: int) -> list[int]:
        """Every process on a machine."""
        return [int(word) for word in ip("netns", "pids", self._names[i]).split()]

    def num_with_rollouts(self) -> int:
        """Machines on which a rollout worker lives."""
        return sum(any("RolloutActor" in title_of(pid) for pid in self.pids(i)) for i in range(NODES))

    def kill(self, i: int) -> None:
        """SIGKILL for everything on a machine."""
        for pid in self.pids(i):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def cut(self, i: int) -> None:
        """No packet in or out for a while."""
        ip("-n", self._switch, "link", "set", f"v{i}", "down")
        time.sleep(CUT_SECONDS)
        ip("-n", self._switch, "link", "set", f"v{i}", "up")

    def stop(self) -> None:
        """End what runs on them and take them down."""
        for i in range(NODES):
            with contextlib.suppress(subprocess.CalledProcessError):
                self.kill(i)
        for name in (*self._names, self._switch):
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


def ip(*words: str) -> str:
    """What `ip` prints."""
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


def title_of(pid: int) -> str:
    """How a process calls itself."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def words_of(folder: Path, steps: int) -> list[str]:
    """The command of the run."""
    changes = enlarged("10.99.0.10:6399", steps)
    return [sys.executable, "-m", "openqwq.training.cli", "run", "smoke", "--run-dir", str(folder), *changes]


def run(folder: Path, steps: int, disturb: Callable[[Machines, int], None] | None) -> dict[str, object]:
    """One run on fresh machines; in each RL stage another machine is disturbed, 0.4 s into its second step."""
    seconds: list[float] = []
    places = 0
    with machines() as made:
        refusal = made.refusal
        process = made.popen(words_of(folder, steps), folder.with_suffix(".log"))
        limit = time.monotonic() + DEADLINE_SECONDS

        def wait(is_over: Callable[[], bool]) -> None:
            while not is_over() and process.poll() is None and time.monotonic() < limit:
                time.sleep(0.05)

        for victim, stage in ((1, "stage1"), (2, "stage2")):
            wait(lambda stage=stage: steps_of(folder, stage) >= 1)  # type: ignore[misc]
            places = max(places, made.num_with_rollouts())
            if disturb is None or process.poll() is not None:
                continue
            time.sleep(0.4)
            done, start = steps_of(folder, stage), time.monotonic()
            disturb(made, victim)
            wait(lambda stage=stage, done=done: steps_of(folder, stage) > done)  # type: ignore[misc]
            seconds.append(round(time.monotonic() - start, 1))
        wait(lambda: False)
        status = process.poll()
    if status != 0:
        print(folder.with_suffix(".log").read_text()[-3000:], file=sys.stderr)
    return {"status": status, "places": places, "seconds": seconds, "refusal": refusal}


def say(name: str, entry: dict[str, object]) -> dict[str, object]:
    """The entry, told on the way."""
    print(name, entry, file=sys.stderr, flush=True)
    return entry


@contextlib.contextmanager
def machines() -> Iterator[Machines]:
    """Three machines that end with the block."""
    with tempfile.TemporaryDirectory(prefix="oq", dir="/tmp") as root:  # short: sockets' paths have a limit
        made = Machines(Path(root))
        try:
            made.start()
            yield made
        finally:
            made.stop()


def main() -> int:
    """Print JSON; 1 when a number differs or the run is too slow to go on."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=4, help="steps of each RL stage")
    options = parser.parse_args()
    if os.geteuid() != 0:
        print("needs root: it makes network namespaces", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as root:
        folders = {name: Path(root) / name for name in ("calm", "killed", "cut")}
        disturbances = {"calm": None, "killed": Machines.kill, "cut": Machines.cut}
        returns = {name: say(name, run(folders[name], options.steps, disturbances[name])) for name in folders}
        is_complete = all(entry["status"] == 0 for entry in returns.values())
        lines = {name: numbers(folder) for name, folder in folders.items()} if is_complete else {}
        result = {
            "exit statuses": [entry["status"] for entry in returns.values()],
            "a machine with the token of an older Ray": returns["calm"]["refusal"],
            "machines with rollout workers": returns["calm"]["places"],
            "lines of metrics": len(lines.get("calm", [])),
            "lines that differ": sum(
                a != b for name in ("killed", "cut") if lines for a, b in zip(lines["calm"], lines[name], strict=True)
            ),
            "final weights equal": is_complete and len({weights(folder) for folder in folders.values()}) == 1,
            "seconds from a killed machine to the next finished step": returns["killed"]["seconds"],
            "seconds from a cut link to the next finished step, the cut included": returns["cut"]["seconds"],
            "seconds of the cut": CUT_SECONDS,
        }
    print(json.dumps(result, indent=2))
    slow = max([*returns["killed"]["seconds"], *returns["cut"]["seconds"]], default=0.0)  # type: ignore[misc]
    passed = is_complete and not result["lines that differ"] and result["final weights equal"]
    return 0 if passed and result["machines with rollout workers"] == NODES and slow <= LIMIT_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
