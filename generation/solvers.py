"""Deterministic solvers of the probability-flow ODE: DDIM, UniPC-2 and DPM++ 2M.

Must not know models, prompts or where a run starts; every coefficient is a plain float made on the
CPU, so that nothing in a loop waits for the device. diffusers' schedulers are their test oracle.
"""

import math
from collections.abc import Callable

from torch import Tensor

from generation.guidance import denoised, noise_in
from generation.schedules import Schedule

# The guided output of the network at the i-th point of the schedule.
Output = Callable[[Tensor, int], Tensor]


def ddim(
    network: Output,
    latents: Tensor,
    *,
    schedule: Schedule,
    prediction: str,
    clip: float | None = None,
) -> Tensor:
    """DDIM, eta = 0.

        x' = sqrt(ab') x_0 + sqrt(1 - ab') eps

    `clip` bounds x_0 to [-clip, clip], for models of pixels whose config says clip_sample.

    Source: Song et al. 2021, arXiv:2010.02502, equation 12.
    """
    x = latents
    for i, (at, to) in enumerate(zip(schedule.at, schedule.to, strict=True)):
        output = network(x, i)
        x0 = denoised(x, output, alpha_bar=at, prediction=prediction)
        if clip is not None:
            x0 = x0.clamp(-clip, clip)
        eps = noise_in(x, output, alpha_bar=at, prediction=prediction)
        x = math.sqrt(to) * x0 + math.sqrt(1 - to) * eps
    return x


def dpm(network: Output, latents: Tensor, *, schedule: Schedule, prediction: str) -> Tensor:
    """DPM-Solver++(2M), midpoint, first order in the first and the last step.

        h = lambda' - lambda,  r = h_previous / h
        D = m + (m - m_previous) / (2 r)
        x' = sigma'/sigma x - alpha' (e^-h - 1) D

    with m the denoised x_0, lambda = log(alpha / sigma).

    Source: Lu et al. 2022, arXiv:2211.01095, Algorithm 2.
    """
    x, previous = latents, None
    widths = _log_snr_steps(schedule)
    last = len(widths) - 1
    for i, (at, to, h) in enumerate(zip(schedule.at, schedule.to, widths, strict=True)):
        m = denoised(x, network(x, i), alpha_bar=at, prediction=prediction)
        slope = m
        if previous is not None and i < last:
            r = widths[i - 1] / h
            slope = m + (m - previous) / (2 * r)
        x = _keep(at, to) * x - math.sqrt(to) * math.expm1(-h) * slope
        previous = m
    return x


def unipc(network: Output, latents: Tensor, *, schedule: Schedule, prediction: str) -> Tensor:
    """UniPC of order 2, B(h) = e^h - 1 ("bh2"), predicting x_0; first order in the last step.

    Predictor UniP-p from x at the last corrected point, then, once the network has been evaluated
    there, corrector UniC-p: no network call is spent on the correction.

        x'   = sigma'/sigma x - alpha' (e^-h - 1) (m + D_p)
        UniP:  D_1 = 0,                D_2 = (m_previous - m) / (2 r)
        UniC:  D_1 = (m' - m) / 2,     D_2 = rho_1 (m_previous - m) / r + rho_2 (m' - m)

    with r = (lambda_previous - lambda) / h, m the denoised x_0 and [rho_1, rho_2] the solution of
    its order conditions (`_corrector`).

    Source: Zhao et al. 2023, arXiv:2302.04867, Algorithms 1 and 2.
    """
    widths = _log_snr_steps(schedule)
    # x and m at the last corrected point, m at the one before; the order its predictor had.
    base, before, order = latents, None, 0
    m: Tensor | None = None
    x = latents
    for i, at in enumerate(schedule.at):
        m_here = denoised(x, network(x, i), alpha_bar=at, prediction=prediction)
        if m is not None:
            h, from_, to = widths[i - 1], schedule.at[i - 1], schedule.to[i - 1]
            change = 0.5 * (m_here - m)
            if order == 2 and before is not None:
                r = -widths[i - 2] / h
                rho1, rho2 = _corrector(h, r)
                change = rho1 / r * (before - m) + rho2 * (m_here - m)
            x = _keep(from_, to) * base - math.sqrt(to) * math.expm1(-h) * (m + change)
        base, before, m = x, m, m_here
        order = 1 if before is None or i == len(widths) - 1 else 2
        h, to = widths[i], schedule.to[i]
        slope = m
        if order == 2 and before is not None:
            r = -widths[i - 1] / h
            slope = m + (before - m) / (2 * r)
        x = _keep(at, to) * base - math.sqrt(to) * math.expm1(-h) * slope
    return x


def _log_snr_steps(schedule: Schedule) -> list[float]:
    """h of each step, the growth of lambda = log(alpha / sigma); infinite where it ends clean."""
    return [_log_snr(to) - _log_snr(at) for at, to in zip(schedule.at, schedule.to, strict=True)]


def _log_snr(alpha_bar: float) -> float:
    return math.inf if alpha_bar == 1 else 0.5 * math.log(alpha_bar / (1 - alpha_bar))


def _keep(at: float, to: float) -> float:
    """sigma' / sigma."""
    return math.sqrt((1 - to) / (1 - at))


def _corrector(h: float, r: float) -> tuple[float, float]:
    """rho of UniC-2.

    [[1, 1], [r, 1]] rho = [b_1, b_2],   b_k = k! phi_{k+1} / (e^-h - 1)
    phi_1 = e^-h - 1,   phi_{k+1} = phi_k / (-h) - 1 / k!
    """
    growth = math.expm1(-h)
    phi2 = growth / -h - 1
    phi3 = phi2 / -h - 0.5
    b1, b2 = phi2 / growth, 2 * phi3 / growth
    rho1 = (b1 - b2) / (1 - r)
    return rho1, b1 - rho1
