"""The image and the manifests of a farm: they fit each other, the server's options, and what isolation needs."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from openqwq.sandbox.server import parse_arguments

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy" / "sandbox"
INSTRUCTIONS = ("FROM", "WORKDIR", "COPY", "RUN", "USER", "EXPOSE", "ENTRYPOINT")


def manifests() -> list[dict[str, Any]]:
    names = yaml.safe_load((DEPLOY / "kustomization.yaml").read_text())["resources"]
    return [one for name in names for one in yaml.safe_load_all((DEPLOY / name).read_text())]


def rendered() -> list[dict[str, Any]]:
    """As kustomize renders them, where it is installed."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    answer = subprocess.run([kubectl, "kustomize", str(DEPLOY)], capture_output=True, text=True, check=True)
    return list(yaml.safe_load_all(answer.stdout))


def of_kind(kind: str, documents: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    (found,) = (one for one in documents or manifests() if one["kind"] == kind)
    return found


@pytest.fixture(scope="module")
def pod() -> dict[str, Any]:
    template: dict[str, Any] = of_kind("StatefulSet")["spec"]["template"]
    return template


@pytest.fixture(scope="module")
def container(pod: dict[str, Any]) -> dict[str, Any]:
    (one,) = pod["spec"]["containers"]
    return dict(one)


def test_every_manifest_has_its_version_kind_and_name() -> None:
    kinds = {(one["apiVersion"], one["kind"]) for one in manifests()}
    assert kinds == {
        ("v1", "Namespace"),
        ("v1", "Service"),
        ("apps/v1", "StatefulSet"),
        ("policy/v1", "PodDisruptionBudget"),
        ("networking.k8s.io/v1", "NetworkPolicy"),
    }
    assert all(one["metadata"]["name"] for one in manifests())


def test_all_selectors_mean_the_pods_of_the_set(pod: dict[str, Any]) -> None:
    labels = pod["metadata"]["labels"]
    selectors = [of_kind(kind)["spec"]["selector"]["matchLabels"] for kind in ("StatefulSet", "PodDisruptionBudget")]
    selectors += [
        of_kind("Service")["spec"]["selector"],
        of_kind("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ]
    assert all(selector and selector.items() <= labels.items() for selector in selectors)
    assert of_kind("StatefulSet")["spec"]["serviceName"] == of_kind("Service")["metadata"]["name"]
    assert of_kind("Service")["spec"]["clusterIP"] == "None"


def test_a_pod_has_what_isolation_needs_and_no_right_beyond(pod: dict[str, Any], container: dict[str, Any]) -> None:
    spec, own = pod["spec"], container["securityContext"]
    assert spec["hostUsers"] is False and spec["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    context = spec["securityContext"]
    assert context["runAsNonRoot"] is True and context["runAsUser"] > 0
    assert context["seccompProfile"] == context["appArmorProfile"] == {"type": "Unconfined"}
    assert own["procMount"] == "Unmasked" and own["readOnlyRootFilesystem"] is True
    assert own["allowPrivilegeEscalation"] is False and own["privileged"] is False
    assert own["capabilities"] == {"drop": ["ALL"]}
    assert all(not {"hostPath"} & set(volume) for volume in spec["volumes"])


def test_the_server_takes_the_pods_options_and_finds_its_token(pod: dict[str, Any], container: dict[str, Any]) -> None:
    arguments = parse_arguments(container["args"])
    assert arguments.require_isolation == "L2"
    assert str(arguments.workers) == container["resources"]["limits"]["cpu"]
    assert container["resources"]["limits"] == container["resources"]["requests"]
    assert pod["spec"]["terminationGracePeriodSeconds"] > arguments.drain_seconds + 5
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    token = mounts[str(Path(arguments.token_file).parent)]
    assert token["readOnly"] is True and "/tmp" in mounts
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    assert set(volumes) == {mount["name"] for mount in container["volumeMounts"]}
    assert volumes[token["name"]]["secret"]["secretName"] == "sandbox-token"


def test_probes_and_ports_are_those_of_the_server(container: dict[str, Any]) -> None:
    (port,) = container["ports"]
    assert f"EXPOSE {port['containerPort']}" in (ROOT / "Containerfile").read_text()
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[name]["httpGet"] == {"path": "/health", "port": port["name"]}
    # A health check of a busy server runs a job behind others, for half a minute at most.
    assert min(container[name]["timeoutSeconds"] for name in ("readinessProbe", "livenessProbe")) > 30
    (service,) = of_kind("Service")["spec"]["ports"]
    assert (service["port"], service["targetPort"]) == (port["containerPort"], port["name"])


def test_nothing_goes_out_of_a_pod_and_only_named_namespaces_come_in() -> None:
    policy = of_kind("NetworkPolicy")["spec"]
    assert policy["egress"] == [] and set(policy["policyTypes"]) == {"Ingress", "Egress"}
    (rule,) = policy["ingress"]
    assert all("namespaceSelector" in peer and peer["namespaceSelector"]["matchLabels"] for peer in rule["from"])


def test_no_manifest_holds_a_secret() -> None:
    assert all(one["kind"] != "Secret" for one in manifests())


def test_kustomize_renders_all_of_it_for_one_namespace() -> None:
    documents = rendered()
    assert len(documents) == len(manifests())
    settings = yaml.safe_load((DEPLOY / "kustomization.yaml").read_text())
    spaces = {one["metadata"].get("namespace") for one in documents if one["kind"] != "Namespace"}
    assert spaces == {settings["namespace"]} == {of_kind("Namespace", documents)["metadata"]["name"]}
    hosts = of_kind("StatefulSet", documents)["spec"]
    (image,) = settings["images"]
    assert hosts["replicas"] == settings["replicas"][0]["count"]
    assert hosts["template"]["spec"]["containers"][0]["image"] == f"{image['newName']}:{image['newTag']}"


def containerfile() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n", " ", (ROOT / "Containerfile").read_text())
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def test_the_image_copies_what_there_is_and_starts_the_server_as_an_ordinary_user() -> None:
    steps = containerfile()
    assert {word for word, _ in steps} <= set(INSTRUCTIONS)
    for word, rest in steps:
        if word == "COPY" and not rest.startswith("--from"):
            assert all((ROOT / source).exists() for source in rest.split()[:-1]), rest
    (user,) = (rest for word, rest in steps if word == "USER")
    assert user == "10001:10001"
    (entry,) = (yaml.safe_load(rest) for word, rest in steps if word == "ENTRYPOINT")
    assert entry[:3] == ["python", "-m", "openqwq.sandbox.server"]
    assert parse_arguments(entry[3:]).host == "0.0.0.0"
    bases = [rest.split()[0] for word, rest in steps if word == "FROM"]
    assert all(":" in base and not base.endswith(":latest") for base in bases)


def test_the_image_installs_the_extra_for_hosts_of_the_sandbox() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    installed = " ".join(rest for word, rest in containerfile() if word == "RUN")
    assert "[sandbox]" in installed and "sandbox" in extras
    assert "g++" in installed and "nodejs" in installed and "numpy" in installed


def test_the_page_of_the_farm_names_options_and_paths_that_exist() -> None:
    page = (ROOT / "docs" / "sandbox_farm.md").read_text()
    options = set(re.findall(r"--(?:token-file|workers|queue-limit|drain-seconds)", page))
    assert len(options) == 4
    parse_arguments(["--token-file", "x", "--workers", "16", "--queue-limit", "9", "--drain-seconds", "3"])
    for link in re.findall(r"\]\(([\w/.]+\.md)", page):
        assert (ROOT / "docs" / link).exists()
