"""Jobs of Kubernetes, through dagster-k8s; several jobs of a step are one indexed Job."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Self

from prox_assets.orchestration.launchers.launcher import Job, LauncherMissingError, LaunchError
from prox_assets.placement.run import ExitCode
from prox_assets.placement.settings import KubernetesPlacement

if TYPE_CHECKING:
    from dagster_k8s.client import DagsterKubernetesClient

COMPONENT = "prox-stage"
CONTAINER = "prox"
# A node that is drained gives its pods this long, by SIGTERM, to give back leases and shut down an engine.
_GRACE_SECONDS = 60
# How long Kubernetes keeps a finished Job: its pods' logs stay readable until then.
_KEPT_SECONDS = 24 * 3600
# Pods that a node takes with it do not count; of the others, so many may fail.
_FAILURES = 3


class KubernetesLauncher:
    """Creates Jobs and looks after them.

    Args:
        client: dagster-k8s's client.
        namespace: Where the Jobs are.
    """

    def __init__(self, client: "DagsterKubernetesClient", namespace: str, placement: KubernetesPlacement) -> None:
        self._client = client
        self._namespace = namespace
        self._placement = placement

    @classmethod
    def open(cls, placement: KubernetesPlacement) -> Self:
        """Connect to the cluster that this process runs in, or else to that of the kubeconfig.

        Raises:
            LauncherMissingError: dagster-k8s is not installed, or no cluster is configured.
        """
        if find_spec("dagster_k8s") is None:
            raise LauncherMissingError("placement kubernetes needs dagster-k8s: pip install 'prox_assets[kubernetes]'")
        from dagster_k8s.client import DagsterKubernetesClient
        from dagster_k8s.utils import detect_current_namespace
        from kubernetes import config

        try:
            if placement.context is None and "KUBERNETES_SERVICE_HOST" in os.environ:  # set in every pod
                config.load_incluster_config()
            else:
                config.load_kube_config(os.environ.get("KUBECONFIG"), placement.context)
        except config.ConfigException as error:
            raise LauncherMissingError(
                f"placement kubernetes finds no cluster: {error}. Run the code location inside the cluster, or give it "
                "a kubeconfig (KUBECONFIG)"
            ) from error
        namespace = placement.namespace or detect_current_namespace(None) or "default"
        return cls(DagsterKubernetesClient.production_client(), namespace, placement)

    def start(self, job: Job) -> None:
        """Create a Job."""
        with _answering():
            self._client.create_namespaced_job_with_retries(manifest(job, self._placement), self._namespace)

    def find(self, prefix: str) -> str | None:
        """Return the name of a Job that has not finished and begins with the prefix."""
        with _answering():
            listed = self._client.batch_api.list_namespaced_job(
                self._namespace, label_selector=f"app.kubernetes.io/component={COMPONENT}"
            )
        living = (each.metadata.name for each in listed.items if not _has_finished(each.status))
        return next((name for name in living if name.startswith(prefix)), None)

    def lives(self, name: str) -> bool:
        """Tell whether a Job has not finished yet; one that is gone has."""
        with _answering():
            status = self._client.get_job_status(name, self._namespace)
        return status is not None and not _has_finished(status)

    def end(self, name: str) -> None:
        """Delete a Job with its pods, which get SIGTERM."""
        with _answering():
            self._client.batch_api.delete_namespaced_job(name, self._namespace, propagation_policy="Background")

    def last_words(self, name: str) -> str:
        """Return why Kubernetes says that the Job has failed."""
        with _answering():
            status = self._client.get_job_status(name, self._namespace)
        conditions = [] if status is None else status.conditions or []
        return "\n".join(f"{each.reason}: {each.message}" for each in conditions if each.type == "Failed")


def _has_finished(status: Any) -> bool:  # noqa: ANN401 (a V1JobStatus)
    return any(each.type in ("Complete", "Failed") and each.status == "True" for each in status.conditions or ())


@contextmanager
def _answering() -> Iterator[None]:
    """Turn the errors of the client into a LaunchError."""
    from dagster_k8s.client import DagsterK8sAPIRetryLimitExceeded, DagsterK8sUnrecoverableAPIError
    from kubernetes.client.rest import ApiException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except (ApiException, DagsterK8sAPIRetryLimitExceeded, DagsterK8sUnrecoverableAPIError, HTTPError) as error:
        raise LaunchError(f"Kubernetes does not do what it was asked: {error}") from error


def manifest(job: Job, placement: KubernetesPlacement) -> Any:  # noqa: ANN401 (a V1Job)
    """Return the Job.

    Pods that the cluster itself takes away (drained, preempted, evicted) are replaced without limit. A pod that says
    that its shards have failed is not: the step decides about another try.
    """
    from dagster_k8s.job import DagsterK8sJobConfig, UserDefinedDagsterK8sConfig, construct_dagster_k8s_job

    told = [int(code) for code in (ExitCode.REFUSED, ExitCode.FAILED, ExitCode.RETRY)]
    spec: dict[str, Any] = {
        "backoff_limit": _FAILURES * job.tasks,
        "ttl_seconds_after_finished": _KEPT_SECONDS,
        "pod_failure_policy": {
            "rules": [
                {"action": "Ignore", "on_pod_conditions": [{"type": "DisruptionTarget", "status": "True"}]},
                {
                    "action": "FailIndex" if job.tasks > 1 else "FailJob",
                    "on_exit_codes": {"container_name": CONTAINER, "operator": "In", "values": told},
                },
            ]
        },
    }
    if job.tasks > 1:
        indexed = {"completion_mode": "Indexed", "completions": job.tasks, "parallelism": job.tasks}
        spec = {**spec, **indexed, "backoff_limit_per_index": _FAILURES}
    if placement.time_minutes is not None:
        spec["active_deadline_seconds"] = 60 * placement.time_minutes
    # Kubernetes itself numbers the pods of an indexed Job.
    number = {"name": "PROX_TASK", "value_from": {"field_ref": {"field_path": _INDEX}}}
    container = {
        "name": CONTAINER,
        "command": [*placement.command, "stage"],
        "resources": _resources(job, placement),
        "volume_mounts": placement.volume_mounts,
        "env": [
            *({"name": name, "value": value} for name, value in job.environment.items()),
            *([number] if job.tasks > 1 else []),
        ],
        "env_from": [{"secret_ref": {"name": name}} for name in placement.secrets],
    }
    pod = {
        "node_selector": placement.node_selector,
        "tolerations": placement.tolerations,
        "volumes": placement.volumes,
        "image_pull_secrets": [{"name": name} for name in placement.image_pull_secrets],
        "termination_grace_period_seconds": _GRACE_SECONDS,
        "automount_service_account_token": placement.service_account is not None,
        **({} if placement.service_account is None else {"service_account_name": placement.service_account}),
        **placement.pod,
    }
    return construct_dagster_k8s_job(
        DagsterK8sJobConfig(job_image=placement.image, dagster_home=None),
        args=None,
        job_name=job.name,
        component=COMPONENT,
        user_defined_k8s_config=UserDefinedDagsterK8sConfig.from_dict(
            {"container_config": container, "pod_spec_config": pod, "job_spec_config": spec}
        ),
    )


_INDEX = "metadata.annotations['batch.kubernetes.io/job-completion-index']"


def _resources(job: Job, placement: KubernetesPlacement) -> dict[str, dict[str, str]]:
    """Return requests and limits; memory and GPUs cannot be shared, so both are limits, too."""
    cores = {} if placement.cpus is None else {"cpu": f"{placement.cpus:g}"}
    fixed = {} if placement.memory is None else {"memory": placement.memory}
    if job.gpus:
        fixed[placement.gpu_resource] = str(job.gpus)
    return {"requests": {**cores, **fixed}, "limits": fixed}
