"""World S1 in words: captions, what they ask for, disjoint prompt sets."""

from collections import Counter

import numpy as np
import pytest

from generation.errors import CaptionError, SceneError
from generation.reference.s1 import words
from generation.reference.scenes import S1, caption, sample_scenes


def test_every_plain_caption_of_the_grammar_asks_for_its_own_scene():
    for scene in sample_scenes(300, seed=1, grammar=S1):
        assert words.scene_of(caption(scene)) == scene


def test_every_wording_of_a_scene_asks_for_the_same():
    plain = "a small red circle on a white background"
    other = "look at a little red circle in front of a white wall"
    assert words.scene_of(plain) == words.scene_of(other)


def test_no_caption_stands_twice_in_the_book():
    book = words.book()
    assert len(set(book.captions)) == len(book.captions) == len(book.asked)
    assert book.chance.sum() == pytest.approx(1)


def test_size_is_said_in_half_of_the_captions_and_the_ground_in_three_fifths():
    book = words.book()
    told = (book.asked != words.OPEN).T @ book.chance
    assert told == pytest.approx([1, 1, 0.5, 0.6])


def test_the_three_prompt_sets_share_no_prompt():
    parts = [set(words.prompts(part, 400, seed=3)) for part in ("train", "validation", "test")]
    assert [len(part) for part in parts] == [400, 400, 400]
    assert len(set.union(*parts)) == 1200


def test_training_never_says_a_prompt_of_the_other_sets():
    rows, chance = words.said_in_training()
    said = {words.book().captions[row] for row in rows}
    held_out = words.prompts("test", 500, seed=0) + words.prompts("validation", 500, seed=0)
    assert not said & set(held_out)
    assert chance.min() > 0


def test_every_scene_of_the_world_is_said_in_training_in_some_wording():
    rows, _ = words.said_in_training()
    asked = words.book().asked
    assert set(map(tuple, asked[rows])) == set(map(tuple, asked))


def test_equal_seeds_draw_equal_prompts_and_others_draw_others():
    assert words.prompts("test", 20, seed=5) == words.prompts("test", 20, seed=5)
    assert words.prompts("test", 20, seed=5) != words.prompts("test", 20, seed=6)


def test_all_prompts_of_a_part_can_be_asked_for_but_not_one_more():
    have = Counter(words.book().part)["test"]
    assert len(words.prompts("test", have, seed=0)) == have
    with pytest.raises(SceneError, match=f"choose 0 to {have}"):
        words.prompts("test", have + 1, seed=0)


def test_a_text_of_another_world_is_refused_with_an_example():
    with pytest.raises(CaptionError, match="two red circles"):
        words.asked_by(["a red circle", "two red circles"])


def test_no_prompts_ask_for_nothing():
    assert np.shape(words.asked_by([])) == (0, 4)
