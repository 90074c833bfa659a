"""The two steps of crowd-kit's GLAD on arrays: the same numbers without grouping tables each time.

It must not import crowd-kit: `annotator_models.glad` hands its model over. `rows` are always its
table, one row for each vote and label that may be the true one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


def e_step(model: Any, rows: Any) -> Any:
    """Posteriors of the labels under the present abilities and eases; the table with them.

    Source: crowd-kit 1.4.2, `GLAD._e_step`.
    """
    import numpy as np
    import pandas as pd
    from scipy.special import softmax

    tasks, labels = pd.Index(model.tasks_), pd.Index(model.priors_.index)
    task, label = tasks.get_indexer(rows["task"]), labels.get_indexer(rows["variable"])
    right = rows["delta"].to_numpy(dtype=bool)
    exponent = (rows["alpha"] * np.exp(rows["beta"])).to_numpy(dtype=np.float64)
    said = _log_chance(np.where(right, exponent, -exponent), right, kinds=len(labels))
    shape = len(tasks), len(labels)
    joint = np.bincount(task * shape[1] + label, said, shape[0] * shape[1]).reshape(shape)
    posterior = softmax(joint + np.log(model.priors_.to_numpy(dtype=np.float64)), axis=1)
    rows["posterior"] = posterior[task, label]
    model.probas_ = pd.DataFrame(posterior, index=tasks, columns=labels)
    return rows


def _log_chance(exponent: Array, right: NDArray[np.bool_], *, kinds: int) -> Array:
    """log P of what was said, from the signed exponent; errors even over the other labels."""
    import numpy as np

    # -log(1 + exp(-x)), stable for any x.
    told = -np.logaddexp(0.0, -exponent) - np.where(right, 0.0, np.log(kinds - 1))
    return np.asarray(told, dtype=np.float64)


def m_step(model: Any, rows: Any) -> Any:
    """Abilities and eases that fit the posterior best, by conjugate gradients from the last ones.

        Q = sum_r posterior_r log P(said_r | true_r) + log N(alpha - mean) + log N(beta - mean)
        P(right) = logistic(alpha_worker exp(beta_task)), errors even over the other labels

    Args:
        model: a `crowdkit.aggregation.GLAD` of 1.4.2 at work; it is given the new parameters,
            and so is its table.

    Source: crowd-kit 1.4.2, `GLAD._m_step`, whose tolerance, rounds and starting point are used.
    """
    import numpy as np
    import pandas as pd
    from scipy.optimize import minimize

    people = len(model.workers_)
    worker = pd.Index(model.workers_).get_indexer(rows["worker"])
    task = pd.Index(model.tasks_).get_indexer(rows["task"])
    mean = np.concatenate([model.alphas_priors_mean_, model.betas_priors_mean_])
    posterior = rows["posterior"].to_numpy(dtype=np.float64)
    right = rows["delta"].to_numpy(dtype=bool)
    kinds, sizes = len(model.prior_labels_), (people, len(model.tasks_))

    def loss(point: Array) -> tuple[float, Array]:
        """-Q up to a constant, and its gradient."""
        ease = np.exp(point[people:])[task]
        ability = point[:people][worker]
        sign = np.where(right, 1.0, -1.0)
        said = _log_chance(sign * ability * ease, right, kinds=kinds)
        apart = point - mean
        slope = posterior * sign * np.exp(-np.logaddexp(0.0, sign * ability * ease)) * ease
        gradient = np.concatenate(
            [
                np.bincount(worker, slope, sizes[0]),
                np.bincount(task, slope * ability, sizes[1]),
            ]
        )
        return float(apart @ apart / 2 - posterior @ said), apart - gradient

    found = minimize(
        loss,
        np.concatenate([model.alphas_, model.betas_]),
        method="CG",
        jac=True,
        tol=model.m_step_tol,
        options={"disp": False, "maxiter": model.m_step_max_iter},
    ).x
    model.alphas_ = pd.Series(found[:people], index=model.workers_, name="alpha")
    model.betas_ = pd.Series(found[people:], index=model.tasks_, name="beta")
    rows["alpha"], rows["beta"] = found[:people][worker], found[people:][task]
    return rows
