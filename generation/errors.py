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
