"""The pictures of four real models, packed for an import, and who made a picture that is on screen.

It must not know what the product stores: a picture is recognised by its looks alone.
"""

import csv
import io
import json
import zipfile
from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image

MODELS = ("SDXL", "DeepFloyd", "Midjourney", "DALLE3")
CONTRASTS = tuple(combinations(MODELS, 2))
# Side of the thumbnails that are compared, and grey levels: the same picture, scaled up or not,
# stays within the first; any two of the eight are further apart than the second.
THUMB = 16
SAME, OTHER = 2.0, 20.0


class Genaibench:
    """Two prompts, four models, eight files of 256 and 1024 pixels."""

    def __init__(self, data: Path) -> None:
        self.folder = data / "t2i_images_genaibench_sample"
        self.prompts: dict[str, str] = json.loads((self.folder / "prompts.json").read_text())
        self.files = {
            (prompt, model): next(self.folder.glob(f"{prompt}_{model}.*"))
            for prompt in self.prompts
            for model in MODELS
        }
        self._thumbs = {
            key: thumbnail(Image.open(path).convert("RGB")) for key, path in self.files.items()
        }

    def manifest(self) -> str:
        out = io.StringIO()
        rows = csv.writer(out)
        rows.writerow(["prompt_id", "prompt", "method", "file"])
        for (prompt, model), path in self.files.items():
            rows.writerow([prompt, self.prompts[prompt], model, path.name])
        return out.getvalue()

    def zipped(self) -> bytes:
        """Manifest and pictures as a researcher would pack them."""
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for path in self.files.values():
                archive.write(path, path.name)
            archive.writestr("manifest.csv", self.manifest())
        return out.getvalue()

    def recognise(self, body: bytes) -> tuple[str, str]:
        """(prompt, model) of a picture as it came over the wire."""
        seen = thumbnail(Image.open(io.BytesIO(body)).convert("RGB"))
        far = sorted(
            (float(np.abs(seen - known).mean()), key) for key, known in self._thumbs.items()
        )
        (nearest, key), (second, _) = far[:2]
        assert nearest < SAME, f"no picture of the sample looks like this one: {far}"
        assert second > OTHER, f"this could be two pictures of the sample: {far}"
        return key


def thumbnail(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.resize((THUMB, THUMB), Image.Resampling.BOX), dtype=np.float32)
