"""Rings in explanations: what may be drawn, and that a ring stays on its picture."""

import pytest
from django.test import Client
from django.urls import reverse

from annotate.judging import qualification
from annotate.judging.controls import KnownItem, add_item
from annotate.judging.item_files import ItemsRefused
from annotate.judging.item_files import add_items as add_file
from annotate.judging.models import Comparison
from annotate.judging.rings import BadRing, Ring, draw, keep, read_lines
from annotate.web.qualification_words import feedback
from tests.factories import NOW, make_image, make_study
from tests.judging.arrange import ballot, member
from tests.judging.exam_items import make_examined

RING = Ring("a", 0.1, 0.2, 0.3, 0.25)
KEPT = {"of": "first", "x": 0.1, "y": 0.2, "w": 0.3, "h": 0.25}
SIZES = {"first": (100, 200), "second": (200, 200)}


def test_rings_are_read_one_a_line() -> None:
    text = "A 0.1 0.2 0.3 0.25\n\n b, 0, 0, 1, 1 "
    assert read_lines(text) == (RING, Ring("b", 0, 0, 1, 1))
    for wrong in ("A 0.1 0.2 0.3", "A 0.1 0.2 0.3 wide", "A"):
        with pytest.raises(BadRing, match=r"ring 1: .* write picture x y w h"):
            read_lines(wrong)


@pytest.mark.parametrize(
    ("ring", "said"),
    [
        (Ring("c", 0, 0, 1, 1), "picture 'c'; allowed: a, b"),
        (Ring("a", -0.1, 0, 0.5, 0.5), "x=-0.1; a share from 0 to 1"),
        (Ring("a", 0, 3, 0.5, 0.5), "y=3; a share from 0 to 1"),
        (Ring("a", 0, 0, 0.001, 0.5), "w=0.001; a share from 0.01 to 1"),
        (Ring("a", 0, float("nan"), 0.5, 0.5), "y=nan; a share"),
        (Ring("a", 0, 0.8, 0.5, 0.3), "y=0.8 and h=0.3 end at 1.1, outside the picture"),
    ],
)
def test_a_ring_off_its_picture_is_refused_by_its_number(ring: Ring, said: str) -> None:
    with pytest.raises(BadRing, match=f"ring 2: {said}"):
        keep([RING, ring], a_is_first=True)


def test_no_more_than_three_rings() -> None:
    assert len(keep([RING] * 3, a_is_first=True)) == 3
    with pytest.raises(BadRing, match="4 rings; at most 3"):
        keep([RING] * 4, a_is_first=True)


@pytest.mark.parametrize("flipped", [False, True])
def test_a_ring_follows_its_picture_to_the_other_side(*, flipped: bool) -> None:
    rings = [KEPT, KEPT | {"of": "second"}]
    drawn = draw(rings, flipped=flipped, sizes=SIZES, box=(0, 0))
    assert [ring["side"] for ring in drawn] == ([2, 1] if flipped else [1, 2])
    assert {(r["x"], r["y"], r["w"], r["h"]) for r in drawn} == {(0.1, 0.2, 0.3, 0.25)}


def test_a_ring_lies_on_the_picture_inside_the_box_it_was_fitted_into() -> None:
    """100 x 200 in a box of 200 x 200: a quarter of the box is bare on either side."""
    (ring,) = draw([KEPT], flipped=False, sizes=SIZES, box=(200, 200))
    assert ring == {
        "side": 1,
        "x": pytest.approx(0.25 + 0.1 / 2),
        "y": pytest.approx(0.2),
        "w": pytest.approx(0.15),
        "h": pytest.approx(0.25),
    }


def item(**given) -> KnownItem:
    a, b = make_image("ring a"), make_image("ring b")
    fields = {"kind": "training", "prompt": "p", "answers": {"alignment": "a"}, "rings": (RING,)}
    return KnownItem(a=a.digest, b=b.digest, explanation="Count.", **(fields | given))


@pytest.mark.django_db
def test_an_item_keeps_its_ring_with_the_picture_and_a_control_task_has_none() -> None:
    study = make_study()
    row = add_item(study, item(), actor=None)
    on = row.first if row.rings[0]["of"] == "first" else row.second
    assert on == make_image("ring a")
    with pytest.raises(BadRing, match="a control task explains nothing"):
        add_item(study, item(kind="control"), actor=None)
    assert Comparison.objects.filter(kind="control").count() == 0


@pytest.mark.django_db
def test_training_tells_its_rings_after_the_answer_and_never_before() -> None:
    study = make_examined()
    ring = KEPT | {"of": "second"}
    Comparison.objects.filter(study=study, kind="training").update(rings=[ring])
    who = member(study)
    qualification.consent(who, device={}, now=NOW)
    qualification.instructed(who, now=NOW)
    given = qualification.in_hand(qualification.begin(who, now=NOW))[0]
    client = Client()
    client.force_login(who.user, backend="annotate.people.backends.PlainBackend")
    page = client.get(reverse("trial", args=[study.uid])).content.decode()
    assert "0.25" not in page
    marked = qualification.answer(who, ballot(given.token), now=NOW)
    (told,) = feedback(marked)["rings"]
    assert told["side"] == (1 if given.flipped else 2)


@pytest.mark.django_db
def test_the_form_takes_rings_and_says_what_is_wrong_beside_them() -> None:
    study = make_study()
    client = Client()
    client.force_login(study.owner, backend="annotate.people.backends.PlainBackend")
    address = reverse("study-exam", args=[study.uid])
    given = {
        "kind": "training",
        "a": "p0 / student",
        "b": "p0 / teacher",
        "alignment": "a",
        "explanation": "Two. Not three.",
    }
    refused = client.post(address, given | {"rings": "A 0.5 0.5 0.6 0.2"})
    assert refused.status_code == 422
    assert refused.context["form"].errors["rings"] == [
        "ring 1: x=0.5 and w=0.6 end at 1.1, outside the picture; their sum is at most 1. "
        "Correct it."
    ]
    assert client.post(address, given | {"rings": "A 0.5 0.5 0.4 0.2"}).status_code == 302
    assert "1 ring on picture" in client.get(address).content.decode()


@pytest.mark.django_db
def test_a_file_of_items_brings_rings_or_nothing_at_all(tmp_path) -> None:
    study, (a, b) = make_study(), (make_image("file a"), make_image("file b"))
    text = f"""[[items]]
kind = "training"
prompt = "p"
a = "{a.digest}"
b = "{b.digest}"
explanation = "Count."
answers = {{ alignment = "a" }}
[[items.rings]]
picture = "b"
x = 0.5
y = 0.0
w = %s
h = 0.5
"""
    file = tmp_path / "items.toml"
    for width, said in (("0.6", "item 1: ring 1: x=0.5 and w=0.6"), ('"wide"', "rings.0.w")):
        file.write_text(text % width)
        with pytest.raises(ItemsRefused, match=said):
            add_file(study, file, actor=None)
    assert not Comparison.objects.filter(study=study).exists()
    file.write_text(text % "0.5")
    assert add_file(study, file, actor=None) == 1
    (ring,) = Comparison.objects.get(study=study).rings
    assert (ring["x"], ring["w"]) == (0.5, 0.5)
