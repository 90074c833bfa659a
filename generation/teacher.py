"""The many-step teacher by a deterministic solver, from noise or from mid-schedule.

Must not know students, thresholds or why a run starts where it does.
"""

import torch
from torch import Tensor

from generation import solvers
from generation.bundle import Bundle
from generation.conditioning import Conditioning
from generation.guidance import Network, OnStep, Sampled, bound_of
from generation.schedules import Start, native
from generation.spec import Teacher


@torch.inference_mode()
def sample(
    bundle: Bundle,
    spec: Teacher,
    conditioning: Conditioning,
    initial: Tensor,
    *,
    on_step: OnStep,
    start: Start | None = None,
) -> Sampled:
    """The teacher's sample: `spec.steps` steps from x_T, or the steps of `start` from its level.

    Args:
        bundle: the loaded teacher.
        spec: its recipe; `steps` says nothing where a `start` is given.
        conditioning: n rows, with their unconditional half where guidance exceeds 1.
        initial: (n, channels, height / factor, width / factor): x_T, standard normal, or with
            `start` a sample with noise of variance `start.variance`.
        on_step: called before each network call.

    Raises:
        ValueError: a schedule that does not fit the model, conditioning of another number of rows.
    """
    config = bundle.scheduler_config
    schedule = start.schedule if start else native(config, solver=spec.scheduler, steps=spec.steps)
    latents = initial.to(device=bundle.device, dtype=torch.float32)
    network = Network(
        bundle,
        conditioning,
        rows=len(latents),
        timesteps=schedule.timesteps,
        guidance=spec.guidance,
        on_step=on_step,
    )
    prediction = bundle.prediction_type
    if spec.scheduler == "ddim":
        finished = solvers.ddim(
            network, latents, schedule=schedule, prediction=prediction, clip=bound_of(config)
        )
    else:
        solve = {"unipc": solvers.unipc, "dpm++": solvers.dpm}[spec.scheduler]
        finished = solve(network, latents, schedule=schedule, prediction=prediction)
    return network.finished(finished)
