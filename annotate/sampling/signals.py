"""What sampling tells whoever is above it: images arrived, or it is time to look for missed ones.

It must not know who listens.
"""

from django.dispatch import Signal

# After a job's finish has committed. Sent with `sample_ids` and `study_ids` (sets of int): the
# samples that are now done, and every study that has a method they belong to.
samples_finished = Signal()

# Each round of the sweep, with `now`: a process may have died between a commit and its signal.
swept = Signal()
