"""How many examples a property test tries: few in ordinary runs, ten times as many when asked.

TRIPTYCH_HYPOTHESIS=thorough asks (`make test-slow` does). It must not know what is tested.
"""

import os

_MODES = {"": 1, "thorough": 10}


def examples(usual: int) -> int:
    """The number of examples for a test that ordinarily tries `usual`."""
    mode = os.environ.get("TRIPTYCH_HYPOTHESIS", "")
    if mode not in _MODES:
        raise ValueError(f"TRIPTYCH_HYPOTHESIS={mode!r}; allowed: thorough, or unset it.")
    return usual * _MODES[mode]
