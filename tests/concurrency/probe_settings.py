"""The product's settings for workers that also know the tests' kind of job."""

from annotate.config.settings import *  # noqa: F403

CELERY["imports"] = ["tests.concurrency.probe"]  # noqa: F405
