"""Causal attention within each of the sequences that lie one after another in one row."""

import inspect
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any

from prox_assets.engines.transformers.processor import attends_in_float32

if TYPE_CHECKING:
    import torch

_QUERY_BLOCK = 64
"""Queries of one product. Of 32, 64, 96 and 128 the fastest with three heads to a key and 1,000 to 4,000 tokens."""

# Arguments of an attention function that leave the scores as they are.
_HARMLESS = frozenset(
    ("position_ids", "cache_position", "position_embeddings", "cu_seq_lens_k", "max_length_k", "dropout", "is_causal")
)


class CannotPackError(Exception):
    """A model's attention does more than attend to what came before."""


def attend(
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
    """Attend with one call for each run of sequences of equal length; shapes as `attend`, without the first axis."""
    import torch

    in_blocks = query.device.type == "cpu" and query.dtype is torch.bfloat16 and attends_in_float32()
    output = query.new_empty((query.shape[1], query.shape[0], value.shape[-1]))
    lengths = [end - start for start, end in pairwise(bounds)]
    start = 0
    for length, run in groupby(lengths):
        count = len(list(run))
        part = slice(start, start + count * length)
        start = part.stop
        if in_blocks and length > _QUERY_BLOCK:
            for first in range(part.start, part.stop, length):
                one = slice(first, first + length)
                output[one] = _attention_in_blocks(query[:, one], key[:, one], value[:, one], scaling)
            continue
        q, k, v = (heads[:, part].unflatten(1, (count, length)).transpose(0, 1) for heads in (query, key, value))
        found = torch.nn.functional.scaled_dot_product_attention(
            q, k, v, is_causal=True, scale=scaling, enable_gqa=q.shape[1] != k.shape[1]
        )
        output[part] = found.transpose(1, 2).flatten(0, 1)
    return output


def _attention_in_blocks(
    query: "torch.Tensor", key: "torch.Tensor", value: "torch.Tensor", scaling: float | None
) -> "torch.Tensor":
    """Attend causally within one sequence, in bfloat16 products of blocks of queries with all keys up to them.

    torch's own attention multiplies in float32 on a processor without AMX. These products are 1.8 to 2.8 times as fast
    on one with AVX-512 BF16 (docs/speed.md), and round the weights to bfloat16. The sequence is filled up to whole
    blocks: oneDNN compiles every new shape, and keeps what it compiled.

    Args:
        query: Shape (query heads, tokens, head size).
        key: Shape (key-value heads, tokens, head size).
        value: As `key`.
        scaling: Factor of the products; the inverse root of the head size if None.

    Returns:
        The output, shape (tokens, query heads, head size of the values).
    """
    import torch

    heads, length, size = query.shape
    filling = (0, 0, 0, -length % _QUERY_BLOCK)
    # The query heads that share a key are rows of one product.
    q = torch.nn.functional.pad(query * (size**-0.5 if scaling is None else scaling), filling)
    q = q.unflatten(0, (key.shape[0], -1))
    k, v = (torch.nn.functional.pad(part, filling) for part in (key, value))
    later = torch.ones((_QUERY_BLOCK, _QUERY_BLOCK), dtype=torch.bool).triu(1)
    blocks = []
    for start in range(0, length, _QUERY_BLOCK):
        end = start + _QUERY_BLOCK
        rows = q[:, :, start:end]
        products = torch.bmm(rows.flatten(1, 2), k[:, :end].transpose(1, 2))
        products.view(*rows.shape[:-1], end)[..., start:].masked_fill_(later, float("-inf"))
        blocks.append(torch.bmm(products.softmax(-1), v[:, :end]).view(heads, _QUERY_BLOCK, -1))
    return torch.cat(blocks, dim=1)[:, :length].transpose(0, 1)


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
    """Attend with one call of torch's variable-length attention; shapes as `attend`, without the first axis."""
    from torch.nn.attention.varlen import varlen_attn

    # The kernel has always taken fewer key-value heads; later torch wants to be told.
    grouped: Any = {"enable_gqa": True} if "enable_gqa" in inspect.signature(varlen_attn).parameters else {}
    q, k, v = (heads.transpose(0, 1).contiguous() for heads in (query, key, value))
    found: Any = varlen_attn(q, k, v, bounds, bounds, longest, longest, scale=scaling, window_size=(-1, 0), **grouped)
    return found
