"""The words of the reference world: grammar, captions and the three disjoint prompt sets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.errors import CaptionError, SceneError
from generation.reference.scenes import (
    DEMO,
    S1,
    Background,
    Colour,
    Grammar,
    Group,
    Scene,
    Shape,
    Size,
    Thing,
    caption,
    parse,
    part_of,
    sample_scenes,
    settle,
    split,
)

things = st.builds(
    Thing, st.sampled_from(Colour), st.sampled_from(Shape), st.none() | st.sampled_from(Size)
)
scenes = st.builds(
    Scene,
    st.lists(
        st.builds(Group, st.integers(1, 6), things),
        min_size=1,
        max_size=2,
        unique_by=lambda group: (group.thing.colour, group.thing.shape),
    ).map(tuple),
    st.none() | st.sampled_from(Background),
)


def test_a_caption_reads_like_a_sentence_part():
    three = Group(3, Thing(Colour.RED, Shape.CIRCLE, Size.SMALL))
    orange = Group(1, Thing(Colour.ORANGE, Shape.SQUARE))
    assert (
        caption(Scene((three, orange), Background.BEACH))
        == "three small red circles and an orange square on a sandy beach"
    )
    assert caption(Scene((orange,))) == "an orange square"


@given(scenes)
def test_a_caption_says_all_that_is_asked_and_no_more(scene):
    assert parse(caption(scene)) == scene


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a dog",
        "seven red circles",
        "a red circles",
        "two red circle",
        "a orange circle",
        "an red circle",
        "a red circle and a red circle",
        "A red circle",
        "a red circle under a grey sky",
        "a red circle  on a white background",
    ],
)
def test_a_text_that_is_no_caption_is_refused_by_name(text):
    with pytest.raises(CaptionError):
        parse(text)


def test_equal_seeds_draw_equal_scenes_and_a_longer_list_begins_with_the_shorter():
    assert sample_scenes(50, seed=4) == sample_scenes(80, seed=4)[:50]
    assert sample_scenes(50, seed=4) != sample_scenes(50, seed=5)


def test_distinct_scenes_have_distinct_captions():
    drawn = sample_scenes(400, seed=1, distinct=True)
    assert len({caption(scene) for scene in drawn}) == 400


def test_a_grammar_that_runs_out_of_captions_says_how_many_it_has():
    # S1: 4 colours x 3 shapes x (2 sizes + untold) x (3 backgrounds + untold)
    assert len(sample_scenes(144, seed=0, grammar=S1, distinct=True)) == 144
    with pytest.raises(SceneError, match="about 144"):
        sample_scenes(145, seed=0, grammar=S1, distinct=True)


@pytest.mark.parametrize("grammar", [DEMO, S1], ids=["demo", "s1"])
def test_every_scene_stays_inside_its_grammar(grammar):
    for scene in sample_scenes(1500, seed=2, grammar=grammar):
        assert len(scene.things) <= grammar.max_things
        assert scene.background is None or scene.background in grammar.backgrounds
        for group in scene.groups:
            assert group.count <= grammar.max_count
            assert group.thing.colour in grammar.colours
            assert group.thing.shape in grammar.shapes


def test_sizes_are_told_in_half_and_backgrounds_in_six_of_ten_captions():
    drawn = sample_scenes(4000, seed=3, grammar=S1)
    assert sum(scene.things[0].size is not None for scene in drawn) / 4000 == pytest.approx(
        0.5, abs=4 * 0.0080
    )
    assert sum(scene.background is not None for scene in drawn) / 4000 == pytest.approx(
        0.6, abs=4 * 0.0078
    )


def test_settling_keeps_what_the_caption_says_and_fills_the_rest():
    said = parse("two small red stars and a blue heart")
    backgrounds, sizes = set(), set()
    for seed in range(60):
        shown = settle(said, seed=seed)
        assert [group.count for group in shown.groups] == [2, 1]
        assert shown.groups[0].thing == said.groups[0].thing
        backgrounds.add(shown.background)
        sizes.add(shown.groups[1].thing.size)
        assert settle(shown, seed=seed + 1) == shown
    assert backgrounds == set(Background)
    assert sizes == set(Size)


def test_settling_in_a_smaller_world_stays_in_it():
    shown = {settle(parse("a red circle"), seed=seed, grammar=S1).background for seed in range(40)}
    assert shown == set(S1.backgrounds)


def test_the_three_prompt_sets_share_no_caption():
    captions = [caption(scene) for scene in sample_scenes(3000, seed=6)]
    parts = split(captions)
    train, validation, test = (set(part) for part in parts)
    assert len(train | validation | test) == len(train) + len(validation) + len(test)
    assert sum(len(part) for part in parts) == 3000
    distinct = len(set(captions))
    assert len(test) / distinct == pytest.approx(0.1, abs=0.03)
    assert len(validation) / distinct == pytest.approx(0.1, abs=0.03)


def test_a_caption_never_changes_its_part_with_its_company():
    captions = [caption(scene) for scene in sample_scenes(300, seed=7, distinct=True)]
    assert split(captions[:20]).test == [c for c in captions[:20] if c in split(captions).test]
    assert all(part_of(c) == "train" for c in split(captions[::-1]).train)


def test_impossible_scenes_grammars_and_shares_are_refused():
    red = Thing(Colour.RED, Shape.STAR)
    for wrong in (
        lambda: Group(0, red),
        lambda: Group(7, red),
        lambda: Scene(()),
        lambda: Scene((Group(1, red), Group(2, red))),
        lambda: Grammar(colours=()),
        lambda: Grammar(max_count=7),
        lambda: Grammar(tells_size=1.2),
        lambda: Grammar(colours=(Colour.RED,), shapes=(Shape.STAR,)),
        lambda: part_of("a red star", validation=0.6, test=0.6),
    ):
        with pytest.raises(SceneError):
            wrong()
