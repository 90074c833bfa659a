"""What the published packages compute for a prepared case. Runs in the environment of
requirements.txt beside this file; must not know Triptych.

    python original.py KIND CASE      reads CASE/case.json and what it names, writes CASE/original.*
"""

import importlib
import json
import sys
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402
from safetensors.torch import load_file  # noqa: E402


def main(kind: str, case: Path) -> None:
    asked = json.loads((case / "case.json").read_text())
    images = [Image.open(case / name) for name in asked["images"]]
    with torch.no_grad():
        answer, arrays = {"imagereward": imagereward, "hpsv2": hpsv2}[kind](case, asked, images)
    answer["versions"] = {
        name: importlib.import_module("importlib.metadata").version(name)
        for name in ("torch", "torchvision", "transformers", "image-reward", "open_clip_torch")
    }
    (case / "original.json").write_text(json.dumps(answer, indent=1))
    np.savez(case / "original.npz", **arrays)


def imagereward(case: Path, asked: dict, images: list) -> tuple[dict, dict]:
    """The package's own classes. Replaced are only the tokenizer's download and, for a small case,
    the sizes that the package writes as constants."""
    module = importlib.import_module("ImageReward.ImageReward")
    pretrain = importlib.import_module("ImageReward.models.BLIP.blip_pretrain")
    blip = importlib.import_module("ImageReward.models.BLIP.blip")
    vit = importlib.import_module("ImageReward.models.BLIP.vit")
    sizes = asked["sizes"]

    class FromFile(blip.BertTokenizer):
        @classmethod
        def from_pretrained(cls, name: str) -> object:
            assert name == "bert-base-uncased"
            return blip_tokenizer(str(case / "weights" / "vocab.txt"))

    blip_tokenizer, blip.BertTokenizer = blip.BertTokenizer, FromFile
    if not asked["published"]:
        encoder = vit.VisionTransformer(
            img_size=sizes["image"],
            patch_size=sizes["patch"],
            embed_dim=sizes["vision_width"],
            depth=sizes["vision_layers"],
            num_heads=sizes["vision_heads"],
            drop_path_rate=0.1,
        )
        pretrain.create_vit = lambda *_: (encoder, sizes["vision_width"])
        head = module.MLP
        module.MLP = lambda _: head(sizes["text_width"])
    # What med_config.json says, in the sizes asked for.
    med_config = {
        "architectures": ["BertModel"],
        "attention_probs_dropout_prob": 0.1,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "hidden_size": sizes["text_width"],
        "initializer_range": 0.02,
        "intermediate_size": sizes["text_mlp"],
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": sizes["positions"],
        "model_type": "bert",
        "num_attention_heads": sizes["text_heads"],
        "num_hidden_layers": sizes["text_layers"],
        "pad_token_id": 0,
        "type_vocab_size": 2,
        "vocab_size": sizes["vocabulary"],
        "encoder_width": 768,
        "add_cross_attention": True,
    }
    (case / "med_config.json").write_text(json.dumps(med_config))
    model = module.ImageReward(med_config=str(case / "med_config.json"), device="cpu").eval()
    if not asked["published"]:
        model.preprocess = module._transform(sizes["image"])
    answer = {"table": table_of(model), "parameters": parameters_of(model)}
    found = model.load_state_dict(load_file(case / "weights" / "model.safetensors"), strict=False)
    answer |= {"not_in_weights": found.missing_keys, "not_in_package": found.unexpected_keys}
    answer["scores"] = [
        [model.score(prompt, image) for image in images] for prompt in asked["prompts"]
    ]
    texts = model.blip.tokenizer(
        asked["texts"], padding="max_length", truncation=True, max_length=35, return_tensors="np"
    )
    arrays = {f"pixels_{i}": model.preprocess(image).numpy() for i, image in enumerate(images)}
    arrays |= {"ids": texts["input_ids"], "mask": texts["attention_mask"]}
    return answer, arrays


def hpsv2(case: Path, asked: dict, images: list) -> tuple[dict, dict]:
    """open_clip's model; images as the hpsv2 package transforms them (floats are resized); the
    score of hpsv2.score: the cosine."""
    import open_clip
    from open_clip.transform import image_transform
    from torchvision.transforms import (
        CenterCrop,
        Compose,
        InterpolationMode,
        Normalize,
        Resize,
        ToTensor,
    )

    described = asked["model_cfg"]
    model = open_clip.model.CLIP(**described, output_dict=True).eval()
    answer = {"table": table_of(model), "parameters": parameters_of(model)}
    model.load_state_dict(load_file(case / "weights" / "model.safetensors"), strict=True)
    side = described["vision_cfg"]["image_size"]
    mean, std = open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD
    hps = Compose(
        [
            ToTensor(),
            Resize(side, interpolation=InterpolationMode.BICUBIC, antialias=True),
            CenterCrop(side),
            Normalize(mean=mean, std=std),
        ]
    )
    if asked["published"]:
        tokenizer = open_clip.SimpleTokenizer()
        ids = tokenizer(asked["prompts"])
        all_ids = tokenizer(asked["texts"]).numpy()
        export_tokenizer(tokenizer, case / "weights")
    else:
        ids = torch.tensor(asked["ids"])
        all_ids = ids.numpy()
    pixels = torch.stack([hps(image) for image in images])
    seen = model(pixels, ids)
    answer["scores"] = (seen["text_features"] @ seen["image_features"].T).tolist()
    own = image_transform(side, is_train=False, mean=mean, std=std)
    arrays = {f"pixels_{i}": value.numpy() for i, value in enumerate(pixels)}
    arrays |= {f"clip_pixels_{i}": own(image).numpy() for i, image in enumerate(images)}
    return answer, arrays | {"ids": all_ids}


def export_tokenizer(tokenizer, folder: Path) -> None:
    """CLIP's byte pairs as the files that transformers reads."""
    names = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    vocabulary = {names.get(entry, entry): i for entry, i in tokenizer.encoder.items()}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    merges = sorted(tokenizer.bpe_ranks, key=tokenizer.bpe_ranks.__getitem__)
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n")


def table_of(model: torch.nn.Module) -> dict[str, list[int]]:
    return {name: list(value.shape) for name, value in model.state_dict().items()}


def parameters_of(model: torch.nn.Module) -> int:
    return sum(value.numel() for value in model.parameters())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
