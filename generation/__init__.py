"""How pictures are made: models, the reference world, metrics.

Must not know annotate, Django, Celery or a database.
"""
