"""Where the steps of a corpus run: `placement:` in defs.yaml."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

MEBIBYTES = {"Mi": 1, "Gi": 1024, "Ti": 1024 * 1024}


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LocalPlacement(_Settings):
    """In Dagster's own step process."""

    kind: Literal["local"] = "local"


class ClusterPlacement(_Settings):
    """What launchers of a cluster have in common: a job's resources, and how a job is watched.

    A job is one process that runs the step's stages for some shards (`prox stage`).
    """

    gpus: int | None = Field(
        default=None,
        ge=0,
        description="GPUs of a job. By default tensor_parallel_size for vLLM, 1 for transformers unless its device is "
        "cpu, and 0 where a step loads no model.",
    )
    cpus: float | None = Field(default=None, gt=0, description="CPU cores of a job; the cluster's default if unset.")
    memory: str | None = Field(
        default=None,
        pattern=r"^[1-9][0-9]*(Mi|Gi|Ti)$",
        description="Memory of a job, such as 32Gi; the cluster's default if unset.",
    )
    time_minutes: int | None = Field(
        default=None,
        ge=1,
        description="Longest time that a job may run. What it has finished by then is kept, and the next one goes on.",
    )
    environment: dict[str, str] = Field(
        default_factory=dict,
        description="Environment variables of a job. Not for credentials: they are readable in the cluster.",
    )
    command: list[str] = Field(
        default=["prox"],
        min_length=1,
        description="How a job calls prox, such as [/shared/venv/bin/prox], or with apptainer exec before it.",
    )
    lake: str | None = Field(
        default=None, description="Folder or URL of the lake as jobs see it, if that differs from the step's."
    )
    shards_per_job: int | None = Field(
        default=None,
        ge=1,
        description="Most shards of one job. A step with more has several jobs, which may run at the same time; by "
        "default it has one.",
    )
    restarts: int = Field(
        default=3,
        ge=0,
        description="How often a step starts jobs again for shards whose job ended without a word about them: killed, "
        "preempted, out of time or memory.",
    )
    poll_seconds: float = Field(default=5.0, gt=0, description="How often a step looks at its jobs.")
    unreachable_minutes: float = Field(
        default=10.0, ge=0, description="How long a cluster may not answer before the step fails; its jobs go on."
    )

    @property
    def memory_mebibytes(self) -> int | None:
        """The memory as a number."""
        return None if self.memory is None else int(self.memory[:-2]) * MEBIBYTES[self.memory[-2:]]


class RayPlacement(ClusterPlacement):
    """Jobs of a Ray cluster, each with its own GPUs."""

    kind: Literal["ray"]
    address: str | None = Field(
        default=None,
        description="The cluster's dashboard, such as http://head:8265; by default the environment variable "
        "RAY_API_SERVER_ADDRESS or RAY_ADDRESS.",
    )
    labels: dict[str, str] = Field(
        default_factory=dict, description="Labels that a node must have, such as ray.io/accelerator-type: H200."
    )
    resources: dict[str, float] = Field(
        default_factory=dict, description="Further resources of a job, by the names that the nodes declare."
    )
    image: str | None = Field(default=None, description="Container image of a job (image_uri of Ray's runtime_env).")
    runtime_env: dict[str, Any] = Field(
        default_factory=dict, description="Ray's runtime_env of a job, such as pip or working_dir."
    )


class SlurmPlacement(ClusterPlacement):
    """Jobs of Slurm; several of a step are one array."""

    kind: Literal["slurm"]
    partition: str | None = Field(default=None, description="Partition; Slurm's default if unset.")
    account: str | None = Field(default=None, description="Account that pays; Slurm's default if unset.")
    constraint: str | None = Field(default=None, description="Features that a node must have, such as h200.")
    requeue: bool = Field(default=True, description="Let Slurm start a job again that it has preempted.")
    options: dict[str, str | None] = Field(
        default_factory=dict, description="Further options of sbatch, such as qos: low or exclusive: null."
    )
    setup: list[str] = Field(
        default_factory=list, description="Lines of shell before the job, such as module load cuda."
    )
    log_folder: str | None = Field(
        default=None, description="Folder for the jobs' output, which every node sees; Slurm's default if unset."
    )


class KubernetesPlacement(ClusterPlacement):
    """Jobs of Kubernetes; several of a step are one indexed Job."""

    kind: Literal["kubernetes"]
    image: str = Field(description="Container image with prox_assets in it.")
    namespace: str | None = Field(
        default=None, description="Namespace; by default the one that the step runs in, else `default`."
    )
    context: str | None = Field(default=None, description="Context of the kubeconfig; the current one by default.")
    gpu_resource: str = Field(default="nvidia.com/gpu", description="What the cluster calls a GPU.")
    node_selector: dict[str, str] = Field(default_factory=dict, description="Labels that a node must have.")
    tolerations: list[dict[str, Any]] = Field(default_factory=list, description="Taints that the pods tolerate.")
    volumes: list[dict[str, Any]] = Field(default_factory=list, description="Volumes, as in a pod's spec.")
    volume_mounts: list[dict[str, Any]] = Field(default_factory=list, description="Where volumes are mounted.")
    secrets: list[str] = Field(
        default_factory=list, description="Secrets whose entries become environment variables: credentials of stores."
    )
    service_account: str | None = Field(default=None, description="Service account of the pods.")
    image_pull_secrets: list[str] = Field(default_factory=list, description="Secrets of the image's registry.")
    pod: dict[str, Any] = Field(default_factory=dict, description="Further fields of the pods' spec.")


Cluster = RayPlacement | SlurmPlacement | KubernetesPlacement
Placement = Annotated[LocalPlacement | Cluster, Field(discriminator="kind")]


class Placements(_Settings):
    """Where each step of a corpus runs, by the names that its steps have in Dagster."""

    raw_shards: Placement = Field(default_factory=LocalPlacement, description="Reading raw files.")
    programs: Placement = Field(
        default_factory=LocalPlacement, description="Inference: doc_programs and chunk_programs."
    )
    refinement: Placement = Field(
        default_factory=LocalPlacement,
        description="Executing programs and measuring the result: refined_shards and quality_metrics. Checks stay with "
        "Dagster.",
    )
