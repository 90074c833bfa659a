"""What the paper prints about its arms, as plain data: Tables 3, 4, 5 and who met whom.

Must not know torch. Where the supplement leaves a field blank and the authors' released code sets
one, ours is its value; `our_choice` of a preset names every such field.
"""

from typing import Any

Json = dict[str, Any]

# bfloat16: half the memory of float32, and SDXL's VAE does not overflow in it as in float16.
SD15: Json = {"path": "stable-diffusion-v1-5/stable-diffusion-v1-5", "dtype": "bfloat16"}
CD_SD15: Json = SD15 | {"unet": "cd_sd_v1.5_bs512_w8_ema0.9999.safetensors"}
SDXL: Json = {"path": "stabilityai/stable-diffusion-xl-base-1.0", "dtype": "bfloat16"}
CD_SDXL: Json = SDXL | {"unet": "latent-consistency/lcm-sdxl"}
REFINER: Json = {"path": "stabilityai/stable-diffusion-xl-refiner-1.0", "dtype": "bfloat16"}
ADD_XL: Json = {"path": "stabilityai/sdxl-turbo", "dtype": "bfloat16"}
IMAGEREWARD: Json = {"name": "imagereward", "path": "THUDM/ImageReward", "dtype": "bfloat16"}
RANDOM: Json = {"name": "random", "path": "random"}

# sigma, k, student steps, refinement steps, and the cell "Adaptive" as printed.
Row = tuple[float, int, int, int, int]
SD_ROWS: dict[str, Row] = {
    "table3/ir-8": (0.4, 60, 5, 5, 8),
    "table3/ir-11": (0.55, 60, 5, 10, 11),
    "table3/ir-14": (0.7, 60, 5, 15, 14),
    "table3/ir-20": (0.7, 60, 5, 25, 20),
    "table3/ir-26": (0.7, 60, 5, 35, 26),
    "table3/ir-32": (0.7, 60, 5, 45, 32),
    "table3/clip-8": (0.5, 60, 5, 5, 8),
    "table3/clip-11": (0.7, 60, 5, 10, 11),
    "table3/clip-14": (0.75, 60, 5, 15, 14),
    "table3/clip-20": (0.75, 60, 5, 25, 20),
    "table3/clip-26": (0.75, 60, 5, 35, 26),
    "table3/clip-32": (0.75, 60, 5, 45, 32),
    "table3/fid-5": (0.75, 40, 3, 5, 5),
    "table3/fid-14": (0.7, 70, 3, 15, 14),
    "table4/adaptive-10": (0.7, 50, 5, 10, 10),
    "table4/adaptive-15": (0.7, 50, 5, 20, 15),
    "table4/adaptive-25": (0.7, 50, 5, 40, 25),
}
XL_ROWS: dict[str, Row] = {
    "table5/add-xl": (0.4, 50, 2, 4, 4),
    "table5/cd-sdxl": (0.85, 70, 4, 12, 13),
}
ROWS: dict[str, Row] = SD_ROWS | XL_ROWS
# Fig. 9c: every sample refined, n_S + n_R equal to the adaptive arm's mean budget: (sigma, n_R).
EQUAL_BUDGET = {
    "table4/refine-10": (0.7, 5),
    "table4/refine-15": (0.7, 10),
    "table4/refine-25": (0.7, 20),
}
OPPONENTS: dict[str, tuple[str, ...]] = {
    # Fig. 9a against 50 and 25 teacher steps, 9b at an equal budget, 9c refined without choice.
    "table4/adaptive-10": ("ddim-50", "dpm-25", "dpm-10", "table4/refine-10"),
    "table4/adaptive-15": ("dpm-25", "dpm-15", "table4/refine-15"),
    "table4/adaptive-25": ("dpm-25", "table4/refine-25"),
    "table5/add-xl": ("add-xl-4",),
    "table5/cd-sdxl": ("sdxl-ddim-50",),
    "cd-5": ("dpm-5", "ddim-50"),
}
SOLVERS = {"ddim": "ddim", "dpm": "dpm++", "unipc": "unipc"}


def cd(steps: int) -> Json:
    """CD-SD1.5: ordinary guidance, two forwards a step."""
    return {
        "kind": "student",
        "model": CD_SD15,
        "sampler": "consistency",
        "steps": steps,
        "guidance": 8.0,
    }


def cd_sdxl(steps: int) -> Json:
    """CD-SDXL [28]: guidance embedded in the network, one forward a step."""
    return {
        "kind": "student",
        "model": CD_SDXL,
        "sampler": "lcm",
        "steps": steps,
        "guidance": 8.0,
    }


def add_xl(steps: int) -> Json:
    """ADD-XL [44], at the 512 pixels it was distilled at."""
    return {
        "kind": "student",
        "model": ADD_XL,
        "sampler": "add",
        "steps": steps,
        "guidance": 0.0,
        "height": 512,
        "width": 512,
    }


def solver(model: Json, scheduler: str, steps: int) -> Json:
    """A teacher with classifier-free guidance."""
    return {
        "kind": "teacher",
        "model": model,
        "scheduler": scheduler,
        "steps": steps,
        "guidance": 8.0,
    }


def _of(part: str, *fields: str) -> tuple[str, ...]:
    return tuple(f"{part}{field}" for field in fields)


# Nothing in the supplement pins weights, precision, guidance or a negative prompt.
BLANK_MODEL = ("model.revision", "model.sha256", "model.dtype")
BLANK_ESTIMATOR = _of("estimator.", "path", "revision", "sha256", "dtype")


def adaptive(row: str) -> tuple[Json, tuple[str, ...]]:
    """The recipe of a row without its threshold, and the fields that the paper leaves blank."""
    sigma, _, student_steps, steps, _ = ROWS[row]
    blank = ["rollback_kind", *BLANK_ESTIMATOR]
    for side in ("student.", "teacher."):
        blank += _of(side, *BLANK_MODEL, "guidance")
    blank += ["teacher.negative_prompt"]
    recipe: Json = {"kind": "adaptive", "estimator": IMAGEREWARD, "rollback": sigma}
    recipe |= {"strategy": "refine", "rollback_kind": "variance", "rollback_from": "latents"}
    if row in SD_ROWS:
        recipe |= {"student": cd(student_steps), "teacher": solver(SD15, "unipc", steps)}
        blank += ["teacher.scheduler", "rollback_from"]
    elif row == "table5/cd-sdxl":
        recipe |= {"student": cd_sdxl(student_steps), "teacher": solver(SDXL, "unipc", steps)}
        blank += ["rollback_from"]
    else:
        # ADD-XL draws 512 pixels and the refiner 1024: the sample goes over as an image.
        refiner = solver(REFINER, "unipc", steps) | {"height": 1024, "width": 1024}
        recipe |= {"student": add_xl(student_steps), "teacher": refiner, "rollback_from": "image"}
        blank += ["teacher.scheduler", "teacher.height", "teacher.width", "rollback_from"]
        blank += _of("student.", "height", "width")
        blank += _of("teacher.", "aesthetic_score", "negative_aesthetic_score")
    return recipe, tuple(blank)
