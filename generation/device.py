"""Which device to make samples on when nobody says.

Must not know models: it only asks torch what this machine has.
"""

import torch


def best_device() -> str:
    """ "cuda" where torch can use a GPU, else "cpu"; the driver is asked, nothing is allocated."""
    return "cuda" if torch.cuda.is_available() else "cpu"
