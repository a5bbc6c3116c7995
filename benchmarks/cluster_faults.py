"""The two-stage smoke recipe, with more samples, on a Ray cluster of three nodes (three raylets on this machine):
undisturbed, with a node killed (-9) in the middle of a step of each RL stage, and with the trainer killed instead. Are
the metrics and the final weights equal, and how long does the run take to go on?
"""

import argparse
import hashlib
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from openqwq.training.cluster import set_ray_defaults

set_ray_defaults()

import ray  # noqa: E402
from ray.cluster_utils import Cluster  # noqa: E402

from openqwq.training.cli import StopRequest  # noqa: E402
from openqwq.training.config.files import load_recipe  # noqa: E402
from openqwq.training.pipeline.launch import launch  # noqa: E402

LIMIT_SECONDS = 20.0
CLOCKS = ("seconds", "time/", "memory", "rate/", "tokens_per")


class Disturbed:
    """A run on three nodes; `disturb(cluster, node)` is called when a stage has logged its first step."""

    def __init__(self, folder: Path, steps: int, disturb: Callable[[Cluster, Any], None] | None) -> None:
        self.folder, self.steps, self.disturb = folder, steps, disturb
        self.seconds: list[float] = []
        self.nodes_used: set[str] = set()

    def run(self) -> int:
        """The exit status."""
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 200 * 2**20})
        for _ in range(2):
            cluster.add_node(num_cpus=1, object_store_memory=200 * 2**20)
        over = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(cluster, over))
        try:
            recipe = load_recipe("smoke", enlarged(cluster.address, self.steps))
            watcher.start()
            return launch(recipe, self.folder, "never", StopRequest(), is_inline=False)
        finally:
            over.set()
            watcher.join()
            if ray.is_initialized():
                ray.shutdown()
            cluster.shutdown()

    def _watch(self, cluster: Cluster, over: threading.Event) -> None:
        for stage in ("stage1", "stage2"):
            while steps_of(self.folder, stage) < 1:
                if over.wait(0.05):
                    return
            actors = ray._private.state.actors().values()  # the public call needs a dashboard
            self.nodes_used |= {a["Address"]["NodeID"] for a in actors if a["ActorClassName"] == "RolloutActor"}
            if self.disturb is None:
                continue
            time.sleep(0.4)  # into the step
            done = steps_of(self.folder, stage)
            start = time.monotonic()
            here = ray.get_runtime_context().get_node_id()  # the driver's own machine is not what is lost
            victim = next(node for node in cluster.worker_nodes if node.node_id != here)
            self.disturb(cluster, victim)
            while steps_of(self.folder, stage) <= done and not over.wait(0.05):
                pass
            self.seconds.append(time.monotonic() - start)


def enlarged(address: str, steps: int) -> list[str]:
    """Changes to the smoke recipe: more samples, three engines, so many steps of each RL stage."""
    return [
        f"cluster.address={address}", "cluster.rollout.workers=3", "cluster.trainer.cpus=1",
        "stages.cold_start.steps=80", "stages.stage1.prompts_per_step=48", "stages.stage1.group_size=8",
        "stages.stage2.prompts_per_step=48", "stages.stage2.group_size=8",
        f"stages.stage1.steps={steps}", f"stages.stage2.steps={steps}",
    ]  # fmt: skip


def steps_of(folder: Path, stage: str) -> int:
    """The newest finished step of a run."""
    path = folder / "metrics.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    rows = [json.loads(line) for line in lines if line.endswith("}")]
    return max((row["step"] for row in rows if row["stage"] == stage), default=0)


def kill_node(cluster: Cluster, node: Any) -> None:
    """SIGKILL for the raylet and its workers."""
    cluster.remove_node(node, allow_graceful=False)


def kill_trainer(cluster: Cluster, node: Any) -> None:
    """SIGKILL for the trainer: the run starts its workers again and goes on from the newest checkpoint."""
    actors = ray._private.state.actors().values()
    (pid,) = [a["Pid"] for a in actors if a["ActorClassName"] == "TrainerActor" and a["State"] == "ALIVE"]
    os.kill(pid, signal.SIGKILL)


def numbers(folder: Path) -> list[dict[str, Any]]:
    """The metrics without what a clock says."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if not any(word in k for word in CLOCKS)} for row in rows]


def weights(folder: Path) -> str:
    """A digest of the final model."""
    model = folder / json.loads((folder / "summary.json").read_text())["final_model"] / "model.safetensors"
    return hashlib.sha256(model.read_bytes()).hexdigest()


def main() -> int:
    """Print JSON; 1 when a number differs or the run is too slow to go on."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=4, help="steps of each RL stage")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        calm = Disturbed(Path(root) / "calm", options.steps, None)
        struck = Disturbed(Path(root) / "struck", options.steps, kill_node)
        headless = Disturbed(Path(root) / "headless", options.steps, kill_trainer)
        statuses = [calm.run(), struck.run(), headless.run()]
        differing = [
            (a, b)
            for other in (struck, headless)
            for a, b in zip(numbers(calm.folder), numbers(other.folder), strict=True)
            if a != b
        ]
        result = {
            "exit statuses": statuses,
            "nodes with rollout workers": len(calm.nodes_used),
            "lines of metrics": len(numbers(calm.folder)),
            "lines that differ": len(differing),
            "final weights equal": weights(calm.folder) == weights(struck.folder) == weights(headless.folder),
            "seconds from a killed node to the next finished step": [round(s, 1) for s in struck.seconds],
            "seconds from a killed trainer to the next finished step": [round(s, 1) for s in headless.seconds],
        }
    print(json.dumps(result, indent=2))
    if differing:
        print(differing[0], file=sys.stderr)
    passed = statuses == [0, 0, 0] and not differing and result["final weights equal"] and len(calm.nodes_used) == 3
    return 0 if passed and max(struck.seconds) <= LIMIT_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
