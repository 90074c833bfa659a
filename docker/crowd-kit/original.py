"""crowd-kit's Dawid-Skene on a table of answers, in its own environment: called by `parity.py`.

It must not import Triptych: two programs are compared. JSON in, JSON out.
"""

import json
import sys
import warnings
from importlib.metadata import version

import pandas as pd
from crowdkit.aggregation import DawidSkene
from crowdkit.aggregation.classification import dawid_skene

ON = {"n_iter": 100, "tol": float("-inf")}
# As published; told to go on where it would stop; and without its floor under every rate (1e-10).
SETTINGS = {"published": ({"n_iter": 100, "tol": 1e-5}, None), "on": (ON, None), "bare": (ON, 0.0)}


def main() -> None:
    answers = pd.DataFrame(json.load(sys.stdin), columns=["task", "worker", "label"])
    told: dict[str, object] = {
        name: version(name) for name in ("crowd-kit", "pandas", "numpy", "scikit-learn")
    }
    found = {}
    # Zeros without the floor have a logarithm to warn of.
    warnings.simplefilter("ignore", RuntimeWarning)
    for name, (settings, floor) in SETTINGS.items():
        if floor is not None:
            dawid_skene._EPS = floor
        model = DawidSkene(**settings).fit(answers)
        found[name] = {
            "labels": {str(task): str(label) for task, label in model.labels_.items()},
            "losses": [float(loss) for loss in model.loss_history_],
        }
    json.dump({"versions": told, "found": found}, sys.stdout)


if __name__ == "__main__":
    main()
