"""Studies are made from a spec, changed while they are drafts, and copied with their pictures."""

from pathlib import Path
from typing import Any

import pytest

from annotate.people.models import Role
from annotate.sampling.samples import finished
from annotate.studies.create import (
    FrozenStudyError,
    clone_study,
    create_study,
    method_digest,
    update_draft,
)
from annotate.studies.models import Event, Membership, PromptSet, Study
from annotate.studies.prompts import PromptRow, store_prompts
from annotate.studies.protocol import Protocol
from annotate.studies.selection import contrast_prompts
from annotate.studies.spec import (
    MethodSpec,
    SpecError,
    StudySpec,
    load_toml,
    parse_spec,
    parse_toml,
    to_toml,
)
from annotate.studies.templates import (
    BUILT_IN,
    TemplateError,
    find_template,
    list_templates,
    save_template,
)
from tests.factories import TEACHER, join, make_study, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.bothdb]

PROMPTS = [{"id": "1", "text": "a cat, “asleep”", "group": "g"}, {"id": "2", "text": "a dog"}]


def spec(**changes: Any) -> StudySpec:
    data: dict[str, Any] = {
        "name": "Cats",
        "methods": [{"name": "student", "label": "Student"}, {"name": "teacher"}],
        "contrasts": [{"a": "student", "b": "teacher", "primary": True}],
        "prompt_sets": [{"name": "pets", "prompts": PROMPTS}],
    }
    return parse_spec(data | changes)


def test_a_spec_becomes_methods_contrasts_prompts_and_an_owner() -> None:
    owner = make_user(Role.RESEARCHER)
    study = create_study(spec(), owner=owner)
    assert study.state == Study.State.DRAFT
    assert [(m.name, m.label) for m in study.methods.order_by("order")] == [
        ("student", "Student"),
        ("teacher", ""),
    ]
    contrast = study.contrasts.get()
    assert (contrast.a.name, contrast.b.name, contrast.primary) == ("student", "teacher", True)
    assert [p.text for p in study.prompt_sets.get().prompts.order_by("order")] == [
        "a cat, “asleep”",
        "a dog",
    ]
    assert [(m.user, m.role) for m in study.memberships.all()] == [(owner, "owner")]
    assert study.read_spec() == spec()
    assert Event.objects.get(study=study).kind == "study_created"


def test_a_spec_survives_toml(tmp_path: Path) -> None:
    full = spec(
        description="line\nbreak",
        protocol={"overlap": 3, "split": "escalate", "escalate_to": 5, "instructions": "# Hi\n* a"},
    )
    path = tmp_path / "study.toml"
    path.write_text(to_toml(full), encoding="utf-8")
    assert load_toml(path) == full


def test_toml_that_is_none_names_the_line() -> None:
    with pytest.raises(SpecError, match="line 2"):
        parse_toml('name = "x"\nname 3\n')


def test_a_mistake_names_the_field_the_value_and_what_is_allowed() -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec({"name": "x", "colour": 1, "protocol": {"overlap": 12, "display": "big"}})
    lines = str(caught.value).splitlines()
    assert lines == [
        "protocol.overlap: 12 was given; input should be less than or equal to 9. Change it.",
        "protocol.display: 'big' was given; input should be 'equal-box' or 'native'. Change it.",
        "colour: there is no such field. Correct its name or remove it.",
    ]


def test_equal_prompt_lists_are_one_version_and_a_changed_list_is_the_next() -> None:
    rows = [PromptRow(key="1", text="café"), PromptRow(key="2", text="tea")]
    decomposed = [PromptRow(key="1", text="cafe\u0301 "), PromptRow(key="2", text="tea")]
    first = store_prompts("drinks", rows)
    assert store_prompts("drinks", decomposed) == first
    second = store_prompts("drinks", rows[:1])
    assert (first.version, second.version) == (1, 2)


def test_a_prompt_id_used_twice_is_refused() -> None:
    with pytest.raises(ValueError, match=r"twice: \['1'\]"):
        store_prompts("drinks", [PromptRow(key="1", text="a"), PromptRow(key="1", text="b")])


def test_a_contrast_may_wait_for_methods_that_come_with_the_samples() -> None:
    early = parse_spec({"name": "x", "contrasts": [{"a": "student", "b": "teacher"}]})
    study = create_study(early, owner=make_user(Role.RESEARCHER))
    assert not study.contrasts.exists()
    assert study.read_spec().contrasts == early.contrasts


def test_a_study_that_cannot_be_made_leaves_nothing_behind() -> None:
    with pytest.raises(SpecError):
        create_study(spec(prompt_sets=[{"name": "?"}]), owner=make_user(Role.RESEARCHER))
    assert not Study.objects.exists()


def test_a_bare_prompt_set_name_keeps_the_version_the_study_has() -> None:
    owner = make_user(Role.RESEARCHER)
    study = create_study(spec(), owner=owner)
    create_study(spec(prompt_sets=[{"name": "pets", "prompts": PROMPTS[:1]}]), owner=owner)
    update_draft(study, spec(prompt_sets=[{"name": "pets"}]), actor=owner)
    assert study.prompt_sets.get().version == 1


def test_a_bare_prompt_set_name_finds_only_sets_one_may_see() -> None:
    mine, other = make_user(Role.RESEARCHER), make_user(Role.RESEARCHER)
    theirs = create_study(spec(), owner=other)
    bare = spec(prompt_sets=[{"name": "pets"}])
    with pytest.raises(SpecError, match="none of your studies holds"):
        create_study(bare, owner=mine)
    again = create_study(bare, owner=other)
    assert again.prompt_sets.get() == theirs.prompt_sets.get()


def test_two_equal_recipes_in_one_study_are_refused() -> None:
    twins = [{"name": n, "kind": "teacher", "settings": TEACHER} for n in ("a", "b")]
    with pytest.raises(SpecError, match="same kind and settings"):
        create_study(spec(methods=twins, contrasts=[]), owner=make_user(Role.RESEARCHER))


def test_equal_recipes_share_samples_between_studies_and_imports_do_not() -> None:
    owner = make_user(Role.RESEARCHER)
    one, two = create_study(spec(), owner=owner), create_study(spec(), owner=owner)
    recipe = MethodSpec(name="t", kind="teacher", settings=TEACHER)
    assert method_digest(one, recipe) == method_digest(two, recipe)
    brought = MethodSpec(name="t")
    assert method_digest(one, brought) != method_digest(two, brought)


def test_a_method_keeps_its_samples_while_its_name_stays() -> None:
    owner = make_user(Role.RESEARCHER)
    study = create_study(spec(), owner=owner)
    before = study.methods.get(name="student").digest
    relabelled = [{"name": "teacher"}, {"name": "student", "label": "Ours"}]
    update_draft(study, spec(name="Dogs", methods=relabelled), actor=owner)
    assert study.name == "Dogs"
    method = study.methods.get(name="student")
    assert (method.digest, method.label, method.order) == (before, "Ours", 1)


def test_a_prompt_set_leaves_with_its_line_and_imported_ones_stay() -> None:
    owner = make_user(Role.RESEARCHER)
    study = create_study(spec(), owner=owner)
    study.prompt_sets.add(store_prompts("imported", [PromptRow(key="1", text="x")]))
    update_draft(study, spec(prompt_sets=[]), actor=owner)
    assert [s.name for s in study.prompt_sets.all()] == ["imported"]


def test_a_changed_prompt_list_replaces_its_older_version() -> None:
    owner = make_user(Role.RESEARCHER)
    study = create_study(spec(), owner=owner)
    update_draft(study, spec(prompt_sets=[{"name": "pets", "prompts": PROMPTS[:1]}]), actor=owner)
    assert [(s.name, s.version) for s in study.prompt_sets.all()] == [("pets", 2)]
    assert PromptSet.objects.count() == 2


def test_a_launched_study_cannot_be_edited() -> None:
    study = make_study()
    Study.objects.filter(pk=study.pk).update(state="open", protocol_hash="f" * 64)
    with pytest.raises(FrozenStudyError, match="Clone it"):
        update_draft(study, spec(), actor=study.owner)


def test_a_clone_is_a_draft_that_shares_samples_and_no_members() -> None:
    study = make_study(pairs=2)
    join(study)
    Study.objects.filter(pk=study.pk).update(state="closed", protocol_hash="f" * 64)
    other = make_user(Role.RESEARCHER)
    clone = clone_study(study, owner=other, name="Again")
    assert (clone.state, clone.name, clone.cloned_from) == ("draft", "Again", study)
    assert finished(clone.methods.all()) == finished(study.methods.all())
    assert len(finished(clone.methods.all())) == 4
    assert set(clone.prompt_sets.all()) == set(study.prompt_sets.all())
    assert [str(c) for c in clone.contrasts.all()] == [str(c) for c in study.contrasts.all()]
    members = clone.memberships.values_list("user", "role", "pseudonym")
    assert list(members) == [(other.pk, Membership.Role.OWNER, "R-01")]


def test_editing_a_clone_keeps_the_shared_samples() -> None:
    study = make_study(pairs=1)
    clone = clone_study(study, owner=study.owner, name="Again")
    update_draft(clone, clone.read_spec(), actor=study.owner)
    assert finished(clone.methods.all()) == finished(study.methods.all())


def test_templates_are_the_built_in_ones_and_the_saved_ones() -> None:
    saver = make_user(Role.RESEARCHER)
    save_template("Five people", Protocol(overlap=5), actor=saver)
    assert list(list_templates()) == [*BUILT_IN, "Five people"]
    assert find_template("Five people").overlap == 5
    save_template("Five people", Protocol(overlap=5, min_votes=4), actor=saver)
    assert find_template("Five people").min_votes == 4


@pytest.mark.parametrize("name", ["", "x" * 121, "Single decision", "Taken"])
def test_a_template_name_is_free_and_reasonable(name: str) -> None:
    save_template("Taken", Protocol(), actor=make_user(Role.RESEARCHER))
    with pytest.raises(TemplateError):
        save_template(name, Protocol(), actor=make_user(Role.RESEARCHER))


def test_an_unknown_template_names_the_known_ones() -> None:
    with pytest.raises(TemplateError, match="Single decision"):
        find_template("nope")


def test_a_prompt_carries_its_context_and_a_contrast_its_prompt_set() -> None:
    masked = {"id": "1", "text": "a cat", "context": "a0" * 32, "context_role": "mask"}
    sets = [{"name": "masked", "prompts": [masked]}, {"name": "pets", "prompts": PROMPTS}]
    contrasts = [{"a": "student", "b": "teacher", "prompt_set": "masked"}]
    written = spec(prompt_sets=sets, contrasts=contrasts)
    assert parse_toml(to_toml(written)) == written
    study = create_study(written, owner=make_user(Role.RESEARCHER))
    (prompt,) = contrast_prompts(study.contrasts.get(), study.read_protocol())
    assert (prompt.key, prompt.context, prompt.context_role) == ("1", "a0" * 32, "mask")


def test_prompts_without_a_context_are_written_as_ever() -> None:
    (written,) = spec().prompt_sets
    assert set(written.model_dump(mode="json")["prompts"][0]) == {"id", "text", "group"}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"prompts": [{"id": "1", "text": "t", "context": "m.png"}]}, "no content digest"),
        ({"prompts": [{"id": "1", "text": "t", "context_role": "mask"}]}, "and no context"),
        ({"role": "tune"}, "test sets here are none"),
        ({"name": "others"}, r"over the prompt set 'pets'; test sets here are \['others'\]"),
    ],
)
def test_a_context_or_prompt_set_that_is_none_is_refused(
    changed: dict[str, Any], said: str
) -> None:
    one = {"name": "pets", "prompts": PROMPTS} | changed
    contrasts = [{"a": "student", "b": "teacher", "prompt_set": "pets"}]
    with pytest.raises(SpecError, match=said):
        spec(prompt_sets=[one], contrasts=contrasts)
