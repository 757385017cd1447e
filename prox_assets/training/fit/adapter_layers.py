"""The layers of an adapter in training: weights of the base, frozen and in no checkpoint, and what is trained."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import torch


def low_rank_linear(base: Any, rank: int, dtype: torch.dtype) -> Any:  # noqa: ANN401
    """Return a linear layer with the base's weights, frozen in a number format, and an update that is zero at first."""
    import torch
    from torch.nn import functional

    class LowRankLinear(torch.nn.Module):
        """A frozen linear layer, and the product of two small matrices that is added to it."""

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("weight", base.weight.detach().to(dtype), persistent=False)
            self.down = torch.nn.Parameter(torch.empty(rank, base.in_features))
            self.up = torch.nn.Parameter(torch.zeros(base.out_features, rank))
            torch.nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

        def forward(self, states: torch.Tensor) -> torch.Tensor:
            weight = cast("torch.Tensor", self.weight)
            update = functional.linear(functional.linear(states, self.down), self.up)
            return functional.linear(states, weight) + update

    return LowRankLinear()


def token_vectors(base: torch.Tensor, parts: torch.Tensor, table: torch.Tensor, dtype: torch.dtype) -> Any:  # noqa: ANN401
    """Return the input layer of an adapter with tokens of its own, which follow the base's.

    Args:
        base: The base's vectors, shape (tokens of the base, width).
        parts: The first parts of new vectors, shape (parts, width).
        table: Which parts each new token is the sum of, shape (new tokens, most parts); -1 stands for none.
        dtype: Number format of the base's vectors.
    """
    import torch
    from torch.nn import functional

    class TokenVectors(torch.nn.Module):
        """The base's vectors, frozen, and those of new tokens, each the sum of a few trained parts."""

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("weight", base.to(dtype), persistent=False)
            self.register_buffer("table", table, persistent=False)
            self.parts = torch.nn.Parameter(parts)

        def forward(self, token_ids: torch.Tensor) -> torch.Tensor:
            known = cast("torch.Tensor", self.weight)
            vectors = known[token_ids.clamp(max=len(known) - 1)].float()
            new = token_ids >= len(known)
            wanted = cast("torch.Tensor", self.table)[token_ids[new] - len(known)]
            # The table's -1 takes the row of zeros that is appended.
            vectors[new] = functional.pad(self.parts, (0, 0, 0, 1))[wanted].sum(1)
            return vectors

    return TokenVectors()


def frozen_vectors(base: torch.Tensor, dtype: torch.dtype) -> tuple[Any, Any]:
    """Return the input and the output layer of an adapter that writes programs: both use the base's vectors."""
    import torch
    from torch.nn import functional

    class FrozenVectors(torch.nn.Module):
        """The base's vectors, frozen and left out of checkpoints."""

        def __init__(self, weight: torch.Tensor) -> None:
            super().__init__()
            self.register_buffer("weight", weight, persistent=False)

    class InputVectors(FrozenVectors):
        """The vectors of tokens."""

        def forward(self, token_ids: torch.Tensor) -> torch.Tensor:
            return cast("torch.Tensor", self.weight)[token_ids].float()

    class OutputVectors(FrozenVectors):
        """The logits of all tokens."""

        def forward(self, states: torch.Tensor) -> torch.Tensor:
            return functional.linear(states, cast("torch.Tensor", self.weight))

    weight = base.to(dtype)
    return InputVectors(weight), OutputVectors(weight)


def label_head(width: int, vocabulary: int) -> Any:  # noqa: ANN401
    """Return the output layer of an adapter that scores, which finds all tokens of the vocabulary equally likely."""
    import torch
    from torch.nn import functional

    class LabelHead(torch.nn.Module):
        """Logits of the keep token, of the remove token, and of all other tokens, which share one vector."""

        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(3, width))

        def forward(self, states: torch.Tensor) -> torch.Tensor:
            others = torch.tensor([0.0, 0.0, math.log(vocabulary - 2)], device=states.device)
            with torch.autocast(states.device.type, enabled=False):
                return functional.linear(states.float(), self.weight) + others

    return LabelHead()
