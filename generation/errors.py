"""What can go wrong when pictures are made, under the builtin errors callers already expect.

Must not know torch, Django or Celery: any process may import it to catch one of these.
"""


class SceneError(ValueError):
    """A scene, grammar or picture size outside what the reference world can say or draw."""


class CaptionError(SceneError):
    """A text that is not a caption of the reference world."""


class ProfileError(ValueError):
    """A simulated method or judge whose rates or probabilities make no sense."""
