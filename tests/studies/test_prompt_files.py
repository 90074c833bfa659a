"""Prompts come from the files that researchers have, and are drawn apart from each other."""

import json
from pathlib import Path

import pytest

from annotate.studies import prompt_files
from annotate.studies.prompt_files import PromptFileError, draw
from annotate.studies.prompts import PromptRow


def read_prompts(path: Path) -> list[PromptRow]:
    return prompt_files.read_prompts(path, context_of=lambda picture: f"digest of {picture.name}")


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_line_is_a_prompt(tmp_path: Path) -> None:
    path = written(tmp_path, "p.txt", "a cat\n\n  a dog \n")
    assert read_prompts(path) == [PromptRow("1", "a cat"), PromptRow("3", "a dog")]


def test_columns_are_known_by_their_usual_names(tmp_path: Path) -> None:
    coco = written(tmp_path, "coco.csv", ',file_name,caption\n7,a.jpg,"A cat, asleep"\n')
    assert read_prompts(coco) == [PromptRow("7", "A cat, asleep", "a.jpg")]
    parti = written(tmp_path, "parti.tsv", "Prompt\tCategory\nbond\tAbstract\n")
    assert read_prompts(parti) == [PromptRow("1", "bond")]
    lines = written(tmp_path, "p.jsonl", json.dumps({"id": "x", "text": "t", "group": "g"}) + "\n")
    assert read_prompts(lines) == [PromptRow("x", "t", "g")]


def test_a_context_is_a_file_beside_the_prompts_or_a_digest(tmp_path: Path) -> None:
    digest = "0f" * 32
    text = f"text,context,context_role\na cat,masks/1.png,mask\na dog,{digest},mask\na cow,,\n"
    assert read_prompts(written(tmp_path, "p.csv", text)) == [
        PromptRow("1", "a cat", context="digest of 1.png", context_role="mask"),
        PromptRow("2", "a dog", context=digest, context_role="mask"),
        PromptRow("3", "a cow"),
    ]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("p.pdf", "", "ends in .txt, .csv, .tsv, .jsonl"),
        ("p.csv", "a,b\n1,2\n", "one of text, prompt, caption"),
        ("p.jsonl", "{", "line 1: not JSON"),
        ("p.txt", "\n", "has no prompts"),
        ("p.csv", "text,context_role\na cat,mask\n", "prompt 1: a context_role and no context"),
    ],
)
def test_a_file_without_prompts_is_refused_in_words(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    with pytest.raises(PromptFileError, match=said):
        read_prompts(written(tmp_path, name, text))


def test_drawn_lists_share_no_text_and_no_group() -> None:
    rows = [PromptRow(str(i), f"text {i % 40}", f"g{i % 30}" if i % 2 else "") for i in range(60)]
    test, tune = draw(rows, 10, 8, seed=3)
    assert (len(test), len(tune)) == (10, 8)
    texts = [row.text for row in test + tune]
    groups = [row.group for row in test + tune if row.group]
    assert len(set(texts)) == 18
    assert len(set(groups)) == len(groups)
    assert draw(rows, 10, 8, seed=3) == [test, tune]
    assert draw(rows, 10, 8, seed=4) != [test, tune]


def test_too_few_prompts_are_refused_with_their_number() -> None:
    rows = [PromptRow("1", "one"), PromptRow("2", "One "), PromptRow("3", "two", "g")]
    with pytest.raises(PromptFileError, match=r"2 prompts .* 2 \+ 1 are needed"):
        draw(rows, 2, 1, seed=0)


@pytest.mark.realdata
def test_the_captions_of_coco_give_test_and_tuning_prompts_of_different_photos(
    real_data: Path,
) -> None:
    rows = read_prompts(real_data / "prompts_coco2014_5k" / "coco.csv")
    test, tune = draw(rows, 600, 600, seed=0)
    assert len(rows) == 5000
    assert not {row.group for row in test} & {row.group for row in tune}
