"""ImageReward on the model classes of transformers: folder, vocabulary, scores.

Must not know the image-reward package: `make parity-imagereward` shows that both give the same.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import BertTokenizer

from generation.errors import WeightsRefusedError
from generation.estimators.blip import Network, Sizes, our_state
from generation.estimators.folders import Folder, fill
from generation.estimators.preprocess import pixels
from generation.estimators.scoring import DTYPES, check_pairs, finite
from generation.spec import Estimator

TOKENS = 35


@dataclass(frozen=True)
class ImageReward:
    """A loaded ImageReward. `score` as `Scorer` says."""

    digest: str
    network: Network
    tokenizer: BertTokenizer
    image: int

    def score(
        self, prompts: Sequence[str], images: Sequence[NDArray[np.uint8]]
    ) -> NDArray[np.float32]:
        check_pairs(prompts, images)
        if not prompts:
            return np.empty(0, np.float32)
        device = next(self.network.parameters()).device
        # Always 35 long, so that nobody's score depends on the longest prompt of the batch.
        text = self.tokenizer(
            list(prompts),
            padding="max_length",
            truncation=True,
            max_length=TOKENS,
            return_tensors="pt",
        ).to(device)
        seen = torch.from_numpy(pixels(images, self.image)).to(device)
        with torch.inference_mode():
            scores = self.network(text["input_ids"], text["attention_mask"], seen)
        return finite(scores, estimator="imagereward")


def load(spec: Estimator, folder: Folder, *, device: str) -> ImageReward:
    """Read the converted checkpoint (`*.safetensors`) and BERT's `vocab.txt` from the folder.

    The body runs in `spec.dtype`, the reward head in float32.

    Raises:
        WeightsRefusedError: a tensor is missing, unknown or of another shape; the vocabulary is.
    """
    sizes = sizes_of(folder)
    with torch.device("meta"):
        network = Network(sizes)
    state = our_state(folder.state(), network)
    fill(network, state, dtype=DTYPES[spec.dtype], device=device, precise=("head.",))
    return ImageReward(
        digest=folder.digest_of(spec),
        network=network,
        tokenizer=tokenizer_of(folder, sizes),
        image=sizes.image,
    )


def sizes_of(folder: Folder) -> Sizes:
    """The published sizes, unless `imagereward.json` names others."""
    path = folder.path / "imagereward.json"
    if not path.is_file():
        return Sizes()
    named = json.loads(path.read_text())
    known = {field.name for field in fields(Sizes)}
    if set(named) != known:
        raise WeightsRefusedError(
            f"{path} names {', '.join(sorted(named))}; it must name exactly "
            f"{', '.join(sorted(known))}, or be absent for the published sizes."
        )
    return Sizes(**named)


def write_sizes(sizes: Sizes) -> str:
    """The content of `imagereward.json`."""
    return json.dumps(asdict(sizes), indent=1) + "\n"


def tokenizer_of(folder: Folder, sizes: Sizes) -> BertTokenizer:
    """bert-base-uncased from its vocabulary file, with [DEC] and [ENC] behind the last entry.

    A prompt is wrapped in [CLS] and [SEP] as ever; the two only matter to a prompt that says them.
    """
    lines = folder.file("vocab.txt").read_text(encoding="utf-8").splitlines()
    missing = [token for token in ("[PAD]", "[UNK]", "[CLS]", "[SEP]") if token not in lines]
    if len(lines) + 2 != sizes.vocabulary or missing:
        raise WeightsRefusedError(
            f"{folder.path / 'vocab.txt'} has {len(lines)} entries"
            f"{f' and lacks {missing}' if missing else ''}; the model wants "
            f"{sizes.vocabulary - 2}, special tokens among them. Use the vocab.txt of "
            "bert-base-uncased."
        )
    tokenizer = BertTokenizer(vocab={token: i for i, token in enumerate(lines)}, do_lower_case=True)
    tokenizer.add_special_tokens({"bos_token": "[DEC]"})
    tokenizer.add_special_tokens({"additional_special_tokens": ["[ENC]"]})
    ids = tokenizer.convert_tokens_to_ids(["[DEC]", "[ENC]"])
    assert ids == [len(lines), len(lines) + 1], ids
    return tokenizer
