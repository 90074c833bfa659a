"""One step of consistency distillation as equations: DDIM grid, f, teacher's skip, distance, loss.

Must not know loops, data, optimisers or whose networks these are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from generation.schedules import alpha_bars, native
from generation.training.distillation import Distance

# A network as the equations see it: (x, t, guidance or None) to its output, guided if asked.
#   x (n, c, h, w), t (n,) timesteps, guidance (n, 1, 1, 1) or None for the text's prediction alone.
Network = Callable[[Tensor, Tensor, Tensor | None], Tensor]
# Up to this timestep a picture counts as clean, as in the paper's code.
CLEAN = 1


@dataclass(frozen=True)
class Grid:
    """The teacher's DDIM points t_0 > ... > t_N and the noise levels there, both (N + 1,).

    `levels` is alpha_bar, but exactly 1 at the last point: there f is the identity.
    """

    timesteps: Tensor
    levels: Tensor

    @property
    def pairs(self) -> int:
        """N, the number of neighbouring points (t_n, t_{n+1})."""
        return len(self.timesteps) - 1


def ddim_grid(config: Mapping[str, Any], *, points: int) -> Grid:
    """The grid of a DDIM sampler with so many points, ended by a clean one.

    Spaced as the model's config says: SD's 50 are 981, 961, ..., 21, 1, the last of which counts as
    clean. Where no point is at t <= 1 a clean one is added (trailing spacing: ..., 59, 39, then 0).

    Raises:
        ValueError: more points than timesteps.
    """
    schedule = native(config, solver="ddim", steps=points)
    table = alpha_bars(config)
    timesteps = list(schedule.timesteps)
    if timesteps[-1] > CLEAN:
        timesteps.append(0)
    levels = [1.0 if t <= CLEAN else table[t] for t in timesteps]
    return Grid(torch.tensor(timesteps), torch.tensor(levels, dtype=torch.float64))


def clean_and_noise(
    x: Tensor, output: Tensor, level: Tensor, *, prediction: str
) -> tuple[Tensor, Tensor]:
    """(x0, eps) as a network's output at this level says them: x = sqrt(ab) x0 + sqrt(1 - ab) eps.

    Args:
        x: (n, c, h, w) noisy latents.
        output: of the network, what `prediction` names: epsilon, v_prediction or sample.
        level: alpha_bar in (0, 1), (n, 1, 1, 1).

    Raises:
        ValueError: another prediction type.
    """
    alpha, sigma = level.sqrt(), (1 - level).sqrt()
    if prediction == "epsilon":
        return (x - sigma * output) / alpha, output
    if prediction == "v_prediction":
        return alpha * x - sigma * output, sigma * x + alpha * output
    if prediction == "sample":
        return output, (x - alpha * output) / sigma
    raise ValueError(
        f"prediction_type={prediction!r}; epsilon, v_prediction and sample are supported"
    )


def consistency(
    x: Tensor, output: Tensor, level: Tensor, *, prediction: str, clip: float | None = None
) -> Tensor:
    """f(x, t), the clean latents that the trajectory through x ends in.

        f(x, t) = (x - sqrt(1 - ab) eps) / sqrt(ab),   f(x, t) = x exactly where ab = 1

    Args:
        x, output, level: as `clean_and_noise`; level may be 1.
        clip: bound of clean latents, for models whose scheduler clips.
    """
    here = level >= 1
    # A level of 1 would divide by zero for networks that predict the sample.
    safe = torch.where(here, torch.full_like(level, 0.5), level)
    clean, _ = clean_and_noise(x, output, safe, prediction=prediction)
    if clip is not None:
        clean = clean.clamp(-clip, clip)
    return torch.where(here, x, clean)


def skip(
    x: Tensor,
    output: Tensor,
    *,
    level: Tensor,
    to: Tensor,
    prediction: str,
    clip: float | None = None,
) -> Tensor:
    """One DDIM step of the teacher: x_t' = sqrt(ab_t') x0 + sqrt(1 - ab_t') eps."""
    clean, noise = clean_and_noise(x, output, level, prediction=prediction)
    if clip is not None:
        clean = clean.clamp(-clip, clip)
    return to.sqrt() * clean + (1 - to).sqrt() * noise


def distance(a: Tensor, b: Tensor, *, kind: Distance, huber: float = 0.03) -> Tensor:
    """Mean over everything: (a - b)^2, |a - b|, or sqrt((a - b)^2 + c^2) - c with c = `huber`."""
    gap = a - b
    if kind == "l2":
        return (gap**2).mean()
    if kind == "l1":
        return gap.abs().mean()
    return ((gap**2 + huber**2).sqrt() - huber).mean()


def loss(
    *,
    student: Network,
    target: Network,
    teacher: Network,
    latents: Tensor,
    noise: Tensor,
    index: Tensor,
    guidance: Tensor,
    grid: Grid,
    prediction: str,
    baked: bool = False,
    kind: Distance = "l2",
    huber: float = 0.03,
    clip: float | None = None,
) -> Tensor:
    """The consistency distillation loss of one batch.

        x_t  = sqrt(ab_t) z + sqrt(1 - ab_t) e            t = t_n, t' = t_{n+1}
        x_t' = DDIM step of the guided teacher from t to t'
        loss = d(f_theta(x_t, t), f_theta-(x_t', t'))     no gradient through the second

    Args:
        student, target, teacher: f_theta, its running average f_theta-, and the solver's network.
        latents: z, (n, c, h, w) clean latents of unit variance.
        noise: e, standard normal, same shape.
        index: n, (n,) in 0 .. grid.pairs - 1.
        guidance: w, (n,).
        grid: see `ddim_grid`.
        prediction: what the networks output.
        baked: guidance is distilled into the student, which is then run without; else all three
            networks are guided by w (supplement A: "applied to the distilled model directly").
        kind, huber: see `distance`.
        clip: see `consistency`.

    Source: Starodubcev et al., CVPR 2024, supplement A; Song et al. 2023, arXiv:2303.01469,
    Algorithm 2 with a DDIM solver.
    """
    timesteps, levels = grid.timesteps.to(index.device), grid.levels.to(latents)
    t, t_next = timesteps[index], timesteps[index + 1]
    level, level_next = (levels[i][:, None, None, None] for i in (index, index + 1))
    w = guidance.to(latents)[:, None, None, None]
    w_student = None if baked else w
    x = level.sqrt() * latents + (1 - level).sqrt() * noise
    guess = consistency(x, student(x, t, w_student), level, prediction=prediction, clip=clip)
    with torch.no_grad():
        x_next = skip(
            x, teacher(x, t, w), level=level, to=level_next, prediction=prediction, clip=clip
        )
        aim = consistency(
            x_next,
            target(x_next, t_next, w_student),
            level_next,
            prediction=prediction,
            clip=clip,
        )
    return distance(guess, aim, kind=kind, huber=huber)
