"""The engines' configuration, one pydantic model for each `kind`.

open.py starts the engines.
"""

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

Dtype = Literal["auto", "float32", "bfloat16", "float16"]


class _EngineConfigBase(BaseModel):
    # A URL with a password is rejected, and the error must not show it.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    look_ahead: int = Field(
        default=512,
        ge=1,
        description="Requests pulled from the caller ahead of the results returned; batches are drawn from them.",
    )
    stall_timeout_seconds: float = Field(
        default=600.0,
        gt=0,
        description="Fail if requests are in flight and neither a result nor a token has arrived for this long.",
    )
    max_model_len: int | None = Field(
        default=None,
        ge=2,
        description="Context window in tokens, prompt and answer together; the model's own if unset.",
    )
    prompt_processes: int | None = Field(
        default=None,
        ge=0,
        le=64,
        description="Processes that cut and tokenise documents for the engine; 0 uses this one. Unset: half the "
        "cores, at most 8, if vLLM has a GPU; else 0.",
    )


class _OwnEngineConfig(_EngineConfigBase):
    """An engine that runs on this machine."""

    gpus: int | None = Field(
        default=None,
        ge=0,
        description="Devices that one engine leases; it sees no others, and waits until they are free. Unset: as many "
        "as the model is spread over where it may run on one, else none. 0 leases none, for engines that share one.",
    )


class VllmEngineConfig(_OwnEngineConfig):
    """vLLM, started by this process on a local model folder."""

    kind: Literal["vllm"] = "vllm"
    look_ahead: int = Field(
        default=1024, ge=1, description="Requests pulled ahead of the results returned; vLLM schedules them."
    )
    dtype: Dtype = Field(
        default="auto",
        description="Weights and activations; `auto` takes the checkpoint's own, but bfloat16 for float32 checkpoints "
        "(vLLM's rule).",
    )
    gpu_memory_utilization: float = Field(
        default=0.92, gt=0, le=1, description="Share of each GPU's memory vLLM may take. Not used on CPU."
    )
    max_num_seqs: int | None = Field(default=None, ge=1, description="Sequences per step; vLLM's own choice if unset.")
    max_num_batched_tokens: int | None = Field(
        default=None, ge=1, description="Tokens per step; vLLM's own choice if unset."
    )
    enforce_eager: bool = Field(
        default=False, description="Skip compilation and graph capture: starts faster, runs slower on a GPU."
    )
    tensor_parallel_size: int = Field(default=1, ge=1, description="GPUs that one model is spread over.")
    core_process: Literal["auto", "child", "same"] = Field(
        default="auto",
        description="Where vLLM's engine core runs. `child`: a process of its own, which can be killed when it stalls. "
        "`same`: inside this process; starts faster, but a core blocked in native code cannot be stopped. `auto` "
        "follows VLLM_ENABLE_V1_MULTIPROCESSING (0 means `same`), and is `child` where that is unset.",
    )
    extra: dict[str, Any] = Field(
        default_factory=dict,
        description="Further vllm EngineArgs by name, except `trust_remote_code`, `load_format` and whatever names "
        "another model or revision.",
    )


class ServerEngineConfig(_EngineConfigBase):
    """A vLLM server that speaks the OpenAI completions protocol and is already running."""

    kind: Literal["server"] = "server"
    base_url: str = Field(
        pattern=r"^https?://[^/\s@]+(/|$)",
        description="For example http://127.0.0.1:8000 (with or without the trailing /v1). No user name or password: "
        "it is shown in errors.",
    )
    model: str | None = Field(default=None, description="Served model name; may be left out where only one is served.")
    api_key_env: str = Field(
        default="PROX_SERVER_API_KEY",
        description="Name of the environment variable that holds the API key, never the key; no key is sent if unset.",
    )
    concurrency: int = Field(default=64, ge=1, description="Requests in flight at the server at a time.")
    max_retries: int = Field(
        default=5, ge=0, description="Further attempts after a 429, a 5xx, a timeout or a broken connection."
    )
    request_timeout_seconds: float = Field(default=120.0, gt=0, description="Time limit of one attempt.")


class TransformersEngineConfig(_OwnEngineConfig):
    """Hugging Face transformers on torch: runs wherever the extra `models` is installed.

    It scores without padding, and generates with modest throughput.
    """

    kind: Literal["transformers"] = "transformers"
    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="`auto` takes CUDA where there is one.")
    dtype: Dtype = Field(
        default="auto",
        description="Weights and activations; `auto` takes the checkpoint's own. "
        "bfloat16 is twice as fast as float32 on a CPU with instructions for it, and slower on others.",
    )
    look_ahead: int = Field(
        default=128, ge=1, description="Requests pulled ahead of the results returned; batches are drawn from them."
    )
    batch_size: int | None = Field(
        default=None,
        ge=1,
        description="Requests per batch at most. Unset: 32 where batches are padded (generation, and scores by models "
        "that cannot do without), no limit where they are packed.",
    )
    batch_tokens: int | None = Field(
        default=None,
        ge=1,
        description="Tokens per batch at most, padding included; a longer request runs alone. Unset: 16384, but 4096 "
        "for packed batches on a CPU, whose caches they fit better.",
    )
    threads: int | None = Field(default=None, ge=1, description="CPU threads of torch; torch's own choice if unset.")


EngineConfig = Annotated[
    VllmEngineConfig | ServerEngineConfig | TransformersEngineConfig,
    Field(discriminator="kind"),
]

ENGINE_CONFIGS: dict[str, type[BaseModel]] = {
    model.model_fields["kind"].default: model for model in get_args(get_args(EngineConfig)[0])
}
"""The configuration of each kind of engine."""

ENGINE_CONFIG: TypeAdapter[VllmEngineConfig | ServerEngineConfig | TransformersEngineConfig] = TypeAdapter(EngineConfig)
"""Validates a mapping into the configuration that its `kind` names."""
