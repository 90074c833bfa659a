"""What can go wrong when pictures are made, under the builtin errors callers already expect.

Must not know torch, Django or Celery: any process may import it to catch one of these.
"""


class SceneError(ValueError):
    """A scene, grammar or picture size outside what the reference world can say or draw."""


class CaptionError(SceneError):
    """A text that is not a caption of the reference world."""


class ProfileError(ValueError):
    """A simulated method or judge whose rates or probabilities make no sense."""


class WeightsMissingError(FileNotFoundError):
    """Weights were asked for that are not on this machine."""


class WeightsRefusedError(ValueError):
    """Weights that are there but not what was asked for, or in a form that can run code."""


class NonFiniteScoreError(ArithmeticError):
    """An estimator gave nan or an infinity: nothing can be decided by it.

    Attributes:
        rows: positions of those samples in what was to be scored, ascending.
    """

    def __init__(self, rows: tuple[int, ...], *, of: int, estimator: str) -> None:
        self.rows = rows
        super().__init__(
            f"the estimator {estimator} gave no finite score for "
            f"{'row' if len(rows) == 1 else 'rows'} {', '.join(map(str, rows))} of {of} "
            "(counted from 0). Look at those images; if they are sound, score in float32."
        )


class TrainingError(RuntimeError):
    """A training that cannot begin, go on or be shared as asked."""


class ThresholdRefused(ValueError):
    """A threshold of another student, guidance, step count or estimator, or of the test prompts."""


class DoesNotFit(MemoryError):
    """Not even one image of this size fits the device's memory."""

    @classmethod
    def at_all(cls, what: str, *, device: str, dtype: str, size: bool = True) -> "DoesNotFit":
        """What does not fit and the ways out that are open.

        Args:
            what: begins the sentence.
            dtype: of the network's weights; half precision is advised where it is not in use.
            size: whether a smaller picture would help.
        """
        ways = ["set a smaller height and width in its arm"] if size else []
        if dtype == "float32":
            ways.append("set dtype='bfloat16' with its weights (half the memory of float32)")
        if device.startswith("cuda"):
            ways.append("end what else uses this GPU (nvidia-smi lists it)")
        ways.append("use a device with more memory")
        return cls(f"{what} does not fit the memory of {device}. Ways out: {'; '.join(ways)}.")


class SamplingError(ValueError):
    """Samples that cannot be made as asked: an unknown arm, parts of a pair that do not fit."""


# What a recipe, its weights or the size of the device say no with. Samples fail by one of these,
# with its words as their reason; whatever else is raised ends the run.
CANNOT = (SamplingError, WeightsMissingError, WeightsRefusedError, DoesNotFit)


class Stopped(RuntimeError):
    """A run that was told to end; what had been handed over stays."""
