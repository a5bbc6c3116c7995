"""The manifest for KubeRay: only fields that its interface has, and what a cluster of others asks for."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.scripts.cluster_scripts import planner_that, run


def schema(required: str, optional: str = "", **inner: object) -> dict[str, object]:
    """A mapping with these keys and no others; `inner` says more of some."""
    keys = [*required.split(), *optional.split()]
    return {
        "type": "object",
        "required": required.split(),
        "additionalProperties": False,
        "properties": {key: inner.get(key, {}) for key in keys},
    }


def listed(items: object) -> dict[str, object]:
    return {"type": "array", "minItems": 1, "items": items}


NAMED = schema("name")
CONTAINER = schema(
    "name image resources",
    "workingDir env envFrom volumeMounts securityContext lifecycle",
    resources=schema("requests limits"),
    env=listed(schema("name value", name={"type": "string"}, value={"type": "string"})),
    lifecycle=schema("preStop", preStop=schema("exec", exec=schema("command", command=listed({"type": "string"})))),
    envFrom=listed(schema("secretRef", secretRef=NAMED)),
    volumeMounts=listed(schema("name mountPath")),
    securityContext=schema("", "capabilities procMount allowPrivilegeEscalation"),
)
POD = schema(
    "spec",
    spec=schema(
        "containers volumes",
        "tolerations hostUsers securityContext terminationGracePeriodSeconds",
        terminationGracePeriodSeconds={"type": "integer"},
        containers=listed(CONTAINER),
        volumes=listed(schema("name", "persistentVolumeClaim emptyDir")),
        tolerations=listed(
            schema("key operator effect", operator={"enum": ["Exists"]}, effect={"enum": ["NoSchedule"]})
        ),
        hostUsers={"type": "boolean"},
        securityContext=schema("", "seccompProfile appArmorProfile"),
    ),
)
GROUP = schema(
    "groupName replicas minReplicas maxReplicas rayStartParams template",
    replicas={"type": "integer"},
    rayStartParams={"type": "object"},
    template=POD,
)
RAYJOB = schema(
    "apiVersion kind metadata spec",
    apiVersion={"const": "ray.io/v1"},
    kind={"const": "RayJob"},
    metadata=schema("name", "namespace labels", name={"pattern": "^[a-z0-9]([-a-z0-9]{0,45}[a-z0-9])?$"}),
    spec=schema(
        "entrypoint rayClusterSpec",
        "shutdownAfterJobFinishes ttlSecondsAfterFinished backoffLimit",
        entrypoint={"type": "string", "maxLength": 4096},
        rayClusterSpec=schema(
            "rayVersion headGroupSpec workerGroupSpecs",
            "authOptions",
            rayVersion={"type": "string"},
            authOptions=schema("mode", mode={"enum": ["token"]}),
            headGroupSpec=schema(
                "rayStartParams template",
                rayStartParams={"additionalProperties": {"type": "string"}},
                template=POD,
            ),
            workerGroupSpecs=listed(GROUP),
        ),
    ),
)
"""The fields of KubeRay's and Kubernetes' interfaces that the manifest uses."""
LEAST = ("--workers", "16", "--image", "img:1", "--claim", "runs")
EVERYTHING = (
    *(*LEAST, "--head-image", "head:1", "--name", "run-7", "--namespace", "rl", "--secret", "hub", "--secret", "wandb"),
    *("--toleration", "gpu", "--rdma", "rdma/ib=8", "--local-sandbox"),
)


def made(folder: Path, *words: str) -> Any:
    """The manifest, where the planner says that a run needs 1200 s to stop."""
    return yaml.safe_load(run("kuberay.sh", *words, path=planner_that("echo 1200", folder)).stdout)


@pytest.mark.parametrize("words", [LEAST, EVERYTHING])
def test_a_rayjob_can_be_applied(words: tuple[str, ...], tmp_path: Path) -> None:
    manifest = made(tmp_path, *words, "qwq_32b/nodes_16", "seed=1")
    jsonschema.validate(manifest, RAYJOB)
    for template in (
        manifest["spec"]["rayClusterSpec"]["headGroupSpec"]["template"],
        manifest["spec"]["rayClusterSpec"]["workerGroupSpecs"][0]["template"],
    ):
        names = {volume["name"] for volume in template["spec"]["volumes"]}
        (container,) = template["spec"]["containers"]
        assert {mount["name"] for mount in container["volumeMounts"]} == names


def test_a_rayjob_has_a_head_without_gpus_and_as_many_workers_as_asked(tmp_path: Path) -> None:
    manifest = made(tmp_path, *LEAST, "qwq_32b/nodes_16", "seed=1")
    cluster = manifest["spec"]["rayClusterSpec"]
    (group,) = cluster["workerGroupSpecs"]
    (container,) = group["template"]["spec"]["containers"]
    assert group["replicas"] == 16
    assert shlex.split(manifest["spec"]["entrypoint"]) == [
        "cd", "/runs", "&&", "openqwq", "run", "qwq_32b/nodes_16", "seed=1", "cluster.address=auto",
        "cluster.stop_within=1200s", "--run-dir", "/runs/openqwq-nodes-16",
    ]  # fmt: skip
    assert cluster["headGroupSpec"]["rayStartParams"] == {"num-gpus": "0"}
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 8
    names = {entry["name"] for entry in container["env"]}
    assert {"RAY_USAGE_STATS_ENABLED", "RAY_health_check_period_ms", "NCCL_DEBUG", "HF_HOME"} <= names
    assert "RAY_AUTH_MODE" not in names  # KubeRay sets it with the token


def test_a_rayjob_has_what_a_cluster_asks_for(tmp_path: Path) -> None:
    manifest = made(tmp_path, *EVERYTHING, "smoke")
    cluster = manifest["spec"]["rayClusterSpec"]
    head, worker = (
        cluster["headGroupSpec"]["template"]["spec"],
        cluster["workerGroupSpecs"][0]["template"]["spec"],
    )
    assert manifest["metadata"]["name"] == "run-7" and manifest["metadata"]["namespace"] == "rl"
    assert [one["secretRef"]["name"] for one in worker["containers"][0]["envFrom"]] == ["hub", "wandb"]
    assert worker["tolerations"] == [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert worker["containers"][0]["resources"]["limits"]["rdma/ib"] == 8
    assert worker["containers"][0]["securityContext"] == {"capabilities": {"add": ["IPC_LOCK"]}}
    assert (head["containers"][0]["image"], worker["containers"][0]["image"]) == ("head:1", "img:1")
    assert head["hostUsers"] is False and head["containers"][0]["securityContext"]["procMount"] == "Unmasked"


@pytest.mark.parametrize(("changes", "grace"), [((), 1260), (("cluster.stop_within=1h30m",), 5460)])
def test_a_pod_is_given_the_seconds_that_the_run_takes_to_stop(
    changes: tuple[str, ...], grace: int, tmp_path: Path
) -> None:
    manifest = made(tmp_path, *LEAST, "smoke", *changes)
    head = manifest["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]
    assert head["terminationGracePeriodSeconds"] == grace
    assert f"cluster.stop_within={'1h30m' if changes else '1200s'}" in manifest["spec"]["entrypoint"]


def test_a_pod_that_is_to_end_tells_its_driver_and_waits_for_it(tmp_path: Path) -> None:
    manifest = made(tmp_path, *LEAST, "smoke")
    (container,) = manifest["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]["containers"]
    hook = container["lifecycle"]["preStop"]["exec"]["command"]
    driver, pod = tmp_path / "bin" / "openqwq", tmp_path / "pod.sh"  # files: only the driver has the words in its line
    driver.parent.mkdir()
    driver.write_text(f'trap "sleep 0.1; touch {tmp_path}/ended; exit" TERM\nwhile :; do sleep 0.05; done\n')
    pod.write_text(f"bash {driver} run smoke & sleep 0.2\n{shlex.join(hook)}\ntest -e {tmp_path}/ended\n")
    jail = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if shutil.which("unshare") is None or subprocess.run([*jail, "true"], capture_output=True).returncode:
        pytest.skip("no namespaces here")
    assert subprocess.run([*jail, "bash", str(pod)], timeout=30).returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((*LEAST, "smoke", "cluster.stop_within=soon"), "is no duration"),
        ((*LEAST, "--name", "Run_7", "smoke"), "47 lower-case letters"),
        ((*LEAST, "--rdma", "8", "smoke"), "RESOURCE=N"),
        (("--workers", "0", "--image", "i", "--claim", "c", "smoke"), "--workers"),
    ],
)
def test_a_rayjob_that_could_not_be_applied_is_refused(words: tuple[str, ...], said: str) -> None:
    refused = run("kuberay.sh", *words)
    assert refused.returncode == 2 and said in refused.stderr and refused.stdout == ""
