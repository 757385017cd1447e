"""The models that trainings start from: a Llama with random weights, or a pretrained one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from prox_assets.machine.processor import processor
from prox_assets.proof.pretraining.recipes import LlamaModel
from prox_assets.refiners.adapter.bases import SOURCES, BaseModel, find_base
from prox_assets.refiners.adapter.merging import load_base
from prox_assets.refiners.model.files import find_checkpoint

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def initial_model(model: LlamaModel, vocabulary: int, seed: int, end_of_text: int | None = None) -> PreTrainedModel:
    """Return a Llama in float32 whose weights depend on shape, vocabulary and seed alone.

    Args:
        model: With a shape; its context is the number of positions.
        vocabulary: Size of the tokenizer's vocabulary.
        seed: Seed of the weights. The global random state stays as it is.
        end_of_text: Id of the end-of-text token, which the configuration names.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = model.shape
    if shape is None:
        raise ValueError(f"model {model.name} has no shape: it starts from {model.base}")
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_value_heads or shape.heads,
        max_position_embeddings=model.context,
        rope_parameters={"rope_type": "default", "rope_theta": shape.rope_base},
        rms_norm_eps=1e-5,
        initializer_range=shape.initial_spread,
        tie_word_embeddings=shape.tied,
        bos_token_id=None,
        eos_token_id=end_of_text,
        use_cache=False,
        dtype=torch.float32,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        llama = LlamaForCausalLM(config)
        if shape.embedding_spread is not None:
            torch.nn.init.normal_(
                cast("torch.nn.Embedding", llama.get_input_embeddings()).weight, std=shape.embedding_spread
            )
        return llama


def find_pretrained(model: LlamaModel) -> BaseModel:
    """Return the files of the pretrained model that a training starts from.

    Raises:
        RefinerError: It is neither on this machine nor to be had from the hub; the message says what to do.
    """
    base = str(model.base)
    if base in SOURCES:
        return find_base(base)
    files = find_checkpoint(base)
    return BaseModel(files.path, None, files.weights_hash)


def pretrained_model(model: LlamaModel) -> PreTrainedModel:
    """Return the pretrained model in float32, for sequences of the settings' context.

    Raises:
        RefinerError: As `find_pretrained`.
    """
    loaded: Any = load_base(find_pretrained(model))
    if model.rope_base is not None:
        loaded.config.rope_parameters = {**loaded.config.rope_parameters, "rope_theta": model.rope_base}
        # The frequencies were computed when the model was made.
        loaded.model.rotary_emb = type(loaded.model.rotary_emb)(loaded.config)
        # Trained with another base, it reads as far as its new sequences reach.
        loaded.config.max_position_embeddings = model.context
    loaded.config.use_cache = False
    return loaded


def pretrained_tokenizer(model: LlamaModel) -> PreTrainedTokenizerBase:
    """Return the pretrained model's own tokenizer; `save_pretrained` makes the folder that `train_llama` wants.

    Raises:
        RefinerError: As `find_pretrained`.
    """
    from transformers import AutoTokenizer

    base = find_pretrained(model)
    return AutoTokenizer.from_pretrained(base.folder, trust_remote_code=False, **base.arguments())


def device_name() -> str:
    """Return the name of the GPU, or of the processor with the threads that torch uses."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else processor(torch.get_num_threads()).name


def multiplies_bfloat16() -> bool:
    """Return whether the device multiplies bfloat16 by itself; elsewhere it is slower than float32."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
