"""Exponential moving averages of weights.

Must not know what is trained.
"""

from typing import cast

import torch
from torch import Tensor, nn


class Average:
    """A running average of a network's weights: avg = decay * avg + (1 - decay) * now.

    Buffers are copied as they are. The averaged network is a copy of its own: `network`.
    """

    def __init__(self, network: nn.Module, copy: nn.Module) -> None:
        copy.load_state_dict(network.state_dict())
        self.network = copy.requires_grad_(False).eval()

    @torch.no_grad()
    def update(self, network: nn.Module, *, decay: float) -> None:
        """Move towards the weights of now.

        Raises:
            ValueError: decay lies outside [0, 1].
        """
        if not 0 <= decay <= 1:
            raise ValueError(f"decay={decay}; an average forgets a share in [0, 1] per step")
        mine = cast(list[Tensor], list(self.network.parameters()))
        now = [p.detach().to(m.dtype) for p, m in zip(network.parameters(), mine, strict=True)]
        torch._foreach_lerp_(mine, now, 1 - decay)
        for kept, current in zip(self.network.buffers(), network.buffers(), strict=True):
            kept.copy_(current)
