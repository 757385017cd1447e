"""Steps as Jobs of Kubernetes: manifests by the API's own schema, and runs against a stand-in for the API."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import kubernetes_validate
import pytest

from prox_assets.orchestration.launchers.kubernetes import manifest
from prox_assets.orchestration.launchers.launcher import Job
from prox_assets.placement.settings import KubernetesPlacement
from prox_assets.testing.clusters.kubernetes_stand_in import KubernetesStandIn, kubernetes_stand_in
from prox_assets_tests.orchestration.launchers.placed import (
    SLOW,
    STEPS,
    cluster,
    disturbed,
    everywhere,
    inferred_from,
    local_rows,
    nothing_is_left,
    problems,
    rows,
    run_all,
    run_step,
    town_over,
    write_raw,
)

pytestmark = pytest.mark.local_lake

# The oldest that is supported upstream, and the newest that the validator knows.
VERSIONS = ("1.33", kubernetes_validate.latest_version())
GPU_NODE = {
    "node_selector": {"nvidia.com/gpu.product": "NVIDIA-H200"},
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
    "volumes": [{"name": "lake", "persistentVolumeClaim": {"claimName": "lake"}}],
    "volume_mounts": [{"name": "lake", "mountPath": "/lake"}],
    "secrets": ["store"],
    "image_pull_secrets": ["registry"],
    "service_account": "prox",
    "pod": {"priorityClassName": "low"},
}


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubernetesStandIn]:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    with kubernetes_stand_in(tmp_path / "pods.log") as server:
        server.write_kubeconfig(tmp_path / "kubeconfig")
        yield server


def job_of(tasks: int, gpus: int, **settings: Any) -> dict[str, Any]:
    from kubernetes.client import ApiClient

    placement = KubernetesPlacement(kind="kubernetes", image="registry.example/prox:1", **settings)
    job = Job("prox-town-0123456789-abcdef", tasks, gpus, {"DAGSTER_PIPES_CONTEXT": "eJw="}, placement)
    return cast("dict[str, Any]", ApiClient().sanitize_for_serialization(manifest(job, placement)))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("tasks", [1, 3])
@pytest.mark.parametrize("settings", [{}, {**GPU_NODE, "cpus": 7.5, "memory": "48Gi", "time_minutes": 90}])
def test_manifests_follow_the_schema_of_the_api(version: str, tasks: int, settings: dict[str, Any]) -> None:
    kubernetes_validate.validate(job_of(tasks, 2, **settings), version, strict=True)


def test_a_pod_gets_what_the_placement_says() -> None:
    spec = job_of(3, 2, **GPU_NODE, cpus=7.5, memory="48Gi", time_minutes=90)["spec"]
    assert spec["completionMode"] == "Indexed"
    assert spec["completions"] == spec["parallelism"] == 3
    assert spec["activeDeadlineSeconds"] == 5400
    pod = spec["template"]["spec"]
    assert pod["nodeSelector"] == GPU_NODE["node_selector"]
    assert pod["tolerations"] == GPU_NODE["tolerations"]
    assert pod["volumes"] == GPU_NODE["volumes"]
    assert (pod["serviceAccountName"], pod["priorityClassName"]) == ("prox", "low")
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    [container] = pod["containers"]
    assert container["command"] == ["prox", "stage"]
    assert container["volumeMounts"] == GPU_NODE["volume_mounts"]
    assert container["envFrom"] == [{"secretRef": {"name": "store"}}]
    assert container["resources"] == {
        "requests": {"cpu": "7.5", "memory": "48Gi", "nvidia.com/gpu": "2"},
        "limits": {"memory": "48Gi", "nvidia.com/gpu": "2"},
    }


def test_a_corpus_on_kubernetes_has_the_rows_of_a_local_one(tmp_path: Path, api: KubernetesStandIn) -> None:
    raw = write_raw(tmp_path, shards=2, pages=3)
    placement = cluster("kubernetes", image="prox", shards_per_job=1)
    town = town_over(
        raw, tmp_path / "lake", {**everywhere(placement), "raw_shards": cluster("kubernetes", image="prox")}
    )
    run_all(town)
    assert rows(town.lake) == local_rows(raw, tmp_path / "local")
    assert [each["spec"].get("completions") for each in api.manifests] == [None, 2, 2]
    assert nothing_is_left(town.lake)


def test_an_evicted_pod_is_replaced_and_goes_on_where_it_was(tmp_path: Path, api: KubernetesStandIn) -> None:
    raw = write_raw(tmp_path, shards=1, pages=100)
    town = town_over(raw, tmp_path / "lake", {"programs": cluster("kubernetes", image="prox")}, **SLOW)
    assert run_step(town, "raw_shards").success

    result = disturbed(town, lambda: api.evict(api.manifests[0]["metadata"]["name"]))

    assert result.success, problems(result)
    assert len(api.manifests) == 1
    [(resumed, inferred)] = inferred_from(town, "doc_programs").values()
    assert resumed >= 3
    assert inferred == 100 - resumed
    assert run_step(town, *STEPS[2]).success
    assert rows(town.lake) == local_rows(raw, tmp_path / "local")


def test_without_a_cluster_the_step_says_so_and_is_not_retried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "missing"))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    raw = write_raw(tmp_path, shards=1, pages=3)
    town = town_over(raw, tmp_path / "lake", {"raw_shards": cluster("kubernetes", image="prox")})
    result = town.run("raw_shards", shard="part-0")
    assert not result.success
    assert "placement kubernetes finds no cluster" in problems(result)
    assert not any(event.is_step_up_for_retry for event in result.all_events)
