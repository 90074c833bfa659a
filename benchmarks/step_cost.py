"""What a score costs beside a step: a guided SD1.5 UNet step and an ImageReward forward (D.7).
Half precision, batch 200, mean of 100 runs as in the supplement; a CPU runs a small version."""

import sys
from typing import Any

import torch

from benchmarks.sampling.networks import (
    Utilisation,
    bundle,
    describe,
    on_gpu,
    scorer,
    seconds,
    verdict,
)

PUBLISHED = (3.0, 0.26)
# "More than ten times faster": why the adaptive step is called negligible.
GOAL = 10.0
# Batch and runs of the supplement, and of the small version.
GPU, CPU = (200, 100), (4, 10)


def guided_step(dtype: torch.dtype, *, batch: int, runs: int) -> tuple[float, Utilisation]:
    """Seconds of one UNet call with classifier-free guidance: twice the batch."""
    loaded = bundle(dtype)
    like: dict[str, Any] = {"device": loaded.device, "dtype": loaded.dtype}
    latents = torch.randn(2 * batch, *loaded.latent_shape(), **like)
    text = torch.randn(2 * batch, 77, loaded.unet.config.cross_attention_dim, **like)
    at = torch.tensor(500, device=loaded.device)
    return seconds(lambda: loaded.unet(latents, at, encoder_hidden_states=text), runs=runs)


def score(dtype: str, *, batch: int, runs: int) -> tuple[float, Utilisation]:
    """Seconds of one ImageReward forward, images and texts prepared."""
    own = scorer(dtype)
    device = next(own.network.parameters()).device
    images = torch.rand(batch, 3, own.image, own.image, device=device)
    ids = torch.ones(batch, 35, device=device, dtype=torch.int64)
    return seconds(lambda: own.network(ids, torch.ones_like(ids), images), runs=runs)


@torch.inference_mode()
def main() -> int:
    batch, runs = GPU if on_gpu() else CPU
    print(describe())
    if not on_gpu():
        print("No GPU: tiny networks, batch 4. This shows that it runs and says nothing of cost.")
    for name in ("float16", "bfloat16") if on_gpu() else ("float32",):
        one, used_by_step = guided_step(getattr(torch, name), batch=batch, runs=runs)
        other, used_by_score = score(name, batch=batch, runs=runs)
        said = f", more than {GOAL:g}: {verdict(one / other, goal=GOAL)}" if on_gpu() else ""
        print(
            f"{name}, batch {batch}, mean of {runs}: guided UNet step {one:.4f} s "
            f"({used_by_step}), ImageReward {other:.4f} s ({used_by_score}), "
            f"ratio {one / other:.1f}{said}"
        )
        bundle.cache_clear()
        scorer.cache_clear()
    step_s, score_s = PUBLISHED
    print(
        f"published (A100, float16, batch 200): {step_s:g} s and {score_s:g} s, ratio "
        f"{step_s / score_s:.1f}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
