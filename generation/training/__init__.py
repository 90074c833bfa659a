"""How models are made: the reference world's teacher, consistency distillation, estimators.

Must not know annotate. Every training is seeded, resumable and runs in one process or in several.
"""
