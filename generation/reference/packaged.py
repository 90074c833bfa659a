"""Where the weights lie that come with the program.

Must not know what they are of, nor load them.
"""

from pathlib import Path

PACKAGED = Path(__file__).parent / "weights"
