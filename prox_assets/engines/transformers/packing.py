"""Forward passes over sequences that lie one after another in one row, without padding.

Every layer but attention treats each token by itself, so it sees the batch's tokens and nothing else. Attention runs
within each sequence: a model takes attention.py's function through transformers' AttentionInterface. Whether a model
takes it, and keeps sequences apart, is tried once.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from prox_assets.engines.transformers.attention import attend

if TYPE_CHECKING:
    import torch

_log = logging.getLogger(__name__)

_NAME = "prox_packed"


def packed_states(model: Any, prompts: Sequence[Sequence[int]], device: str) -> "list[torch.Tensor]":  # noqa: ANN401
    """Return the last hidden states of each prompt, shape (tokens, hidden size), from one pass without padding.

    Args:
        model: A causal language model of transformers for which `can_pack` is true.
        prompts: Token ids, none empty.
        device: Where the model is.
    """
    import torch

    # Sequences of equal length side by side: on a CPU, they share one call of attention.
    order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
    lengths = [len(prompts[index]) for index in order]
    token_ids = torch.tensor([token_id for index in order for token_id in prompts[index]], device=device)
    positions = torch.cat([torch.arange(length) for length in lengths]).to(device)
    bounds = torch.tensor([0, *accumulate(lengths)], dtype=torch.int32, device=device)
    with _attention_is(model, _NAME):
        states = model.base_model(
            input_ids=token_ids[None],
            position_ids=positions[None],
            use_cache=False,
            # The names that transformers gives the arguments of variable-length attention.
            cu_seq_lens_q=bounds,
            cu_seq_lens_k=bounds,
            max_length_q=lengths[-1],
            max_length_k=lengths[-1],
        ).last_hidden_state[0]
    parts = states.split(lengths)
    return [part for _, part in sorted(zip(order, parts, strict=True), key=lambda item: item[0])]


def can_pack(model: Any, device: str) -> bool:  # noqa: ANN401
    """Tell whether a causal language model of transformers gives packed sequences the states that they have alone.

    Two short sequences are tried. They do not show an attention window, so models that have one are told by their
    configuration and by what they ask of an attention function.
    """
    import torch

    kinds = set(getattr(model.config, "layer_types", None) or ())
    if not model.is_backend_compatible() or kinds - {"full_attention"}:
        _log.info("%s is scored with padding: its attention cannot be replaced.", type(model).__name__)
        return False
    vocabulary = model.get_output_embeddings().weight.shape[0]
    first, other, second = ([(start + 7 * i) % vocabulary for i in range(9)] for start in (1, 2, 3))
    try:
        with torch.inference_mode():
            packed = packed_states(model, (first, second), device)
            beside_other = packed_states(model, (other, second), device)
            alone = [
                model.base_model(input_ids=torch.tensor([ids], device=device), use_cache=False).last_hidden_state[0]
                for ids in (first, second)
            ]
    except Exception as error:  # a model that knows neither these arguments nor the interface may fail in any way
        _log.info("%s is scored with padding: %s", type(model).__name__, error)
        return False
    # The two packed passes differ in nothing but the neighbour. A pass over one sequence rounds differently.
    tolerance = 1e-3 if packed[0].dtype == torch.float32 else 5e-2
    alike = torch.equal(packed[1], beside_other[1]) and all(
        (one.float() - two.float()).norm() <= tolerance * two.float().norm()
        for one, two in zip(packed, alone, strict=True)
    )
    if not alike:
        _log.info("%s is scored with padding: packed sequences are not kept apart.", type(model).__name__)
    return alike


@contextmanager
def _attention_is(model: Any, name: str) -> Iterator[None]:  # noqa: ANN401
    """Let a model use the attention function of a name. It also has no mask then, because none is registered for it."""
    from transformers import AttentionInterface

    AttentionInterface.register(_NAME, attend)
    before = model.config._attn_implementation
    model.set_attn_implementation(name)
    try:
        yield
    finally:
        model.set_attn_implementation(before)
