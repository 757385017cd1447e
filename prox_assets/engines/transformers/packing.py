"""Forward passes over sequences that lie one after another in one row, without padding.

Every layer but attention treats each token by itself, so it sees the batch's tokens and nothing else. Attention runs
within each sequence, in a function of ours that a model takes through transformers' AttentionInterface. Whether a model
takes it, and keeps sequences apart, is tried once.
"""

import inspect
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate, groupby, pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

_log = logging.getLogger(__name__)

_NAME = "prox_packed"

# Arguments of an attention function that leave the scores as they are.
_HARMLESS = frozenset(
    ("position_ids", "cache_position", "position_embeddings", "cu_seq_lens_k", "max_length_k", "dropout", "is_causal")
)


class CannotPackError(Exception):
    """A model's attention does more than attend to what came before."""


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

    AttentionInterface.register(_NAME, _attend)
    before = model.config._attn_implementation
    model.set_attn_implementation(name)
    try:
        yield
    finally:
        model.set_attn_implementation(before)


def _attend(
    module: "torch.nn.Module",
    query: "torch.Tensor",
    key: "torch.Tensor",
    value: "torch.Tensor",
    attention_mask: "torch.Tensor | None",
    *,
    cu_seq_lens_q: "torch.Tensor | None" = None,
    max_length_q: int = 0,
    scaling: float | None = None,
    **more: Any,  # noqa: ANN401
) -> "tuple[torch.Tensor, None]":
    """Attend causally within each sequence of a row.

    Args:
        module: The model's attention layer.
        query: Shape (1, query heads, tokens, head size).
        key: Shape (1, key-value heads, tokens, head size).
        value: As `key`.
        attention_mask: None.
        cu_seq_lens_q: Where the sequences begin, and where the last one ends; shape (sequences + 1,).
        max_length_q: Tokens of the longest sequence.
        scaling: Factor of the products; the inverse root of the head size if None.
        more: Arguments that must not affect the scores.

    Returns:
        The output, shape (1, tokens, query heads, head size), and no weights.

    Raises:
        CannotPackError: The model wants a window, a cap, sinks or anything else.
    """
    wanted = [
        name for name, given in more.items() if name not in _HARMLESS and given is not None and given is not False
    ]
    if wanted or attention_mask is not None or cu_seq_lens_q is None or not getattr(module, "is_causal", True):
        raise CannotPackError(f"its attention is not plainly causal ({', '.join(wanted) or 'mask'})")
    if _has_kernel(query, key, value):
        found = _attention_kernel(query[0], key[0], value[0], cu_seq_lens_q, max_length_q, scaling)
        return found[None], None
    return _attention_by_length(query[0], key[0], value[0], cu_seq_lens_q.tolist(), scaling)[None], None


def _attention_by_length(
    query: "torch.Tensor", key: "torch.Tensor", value: "torch.Tensor", bounds: list[int], scaling: float | None
) -> "torch.Tensor":
    """Attend with one call for each run of sequences of equal length; shapes as `_attend`, without the first axis."""
    import torch

    output = query.new_empty((query.shape[1], query.shape[0], value.shape[-1]))
    lengths = [end - start for start, end in pairwise(bounds)]
    start = 0
    for length, run in groupby(lengths):
        count = len(list(run))
        part = slice(start, start + count * length)
        q, k, v = (heads[:, part].unflatten(1, (count, length)).transpose(0, 1) for heads in (query, key, value))
        found = torch.nn.functional.scaled_dot_product_attention(
            q, k, v, is_causal=True, scale=scaling, enable_gqa=q.shape[1] != k.shape[1]
        )
        output[part] = found.transpose(1, 2).flatten(0, 1)
        start = part.stop
    return output


def _has_kernel(query: "torch.Tensor", key: "torch.Tensor", value: "torch.Tensor") -> bool:
    """Tell whether torch's variable-length attention takes these tensors (it is FlashAttention 2, from Ampere on)."""
    import torch

    size = query.shape[-1]
    return (
        query.is_cuda
        and query.dtype in (torch.bfloat16, torch.float16)
        and size == key.shape[-1] == value.shape[-1]
        and size <= 256
        and size % 8 == 0
        and torch.cuda.get_device_capability(query.device) >= (8, 0)
    )


def _attention_kernel(
    query: "torch.Tensor",
    key: "torch.Tensor",
    value: "torch.Tensor",
    bounds: "torch.Tensor",
    longest: int,
    scaling: float | None,
) -> "torch.Tensor":
    """Attend with one call of torch's variable-length attention; shapes as `_attend`, without the first axis."""
    from torch.nn.attention.varlen import varlen_attn

    # The kernel has always taken fewer key-value heads; later torch wants to be told.
    grouped: Any = {"enable_gqa": True} if "enable_gqa" in inspect.signature(varlen_attn).parameters else {}
    q, k, v = (heads.transpose(0, 1).contiguous() for heads in (query, key, value))
    found: Any = varlen_attn(q, k, v, bounds, bounds, longest, longest, scale=scaling, window_size=(-1, 0), **grouped)
    return found
