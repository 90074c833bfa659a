"""Addresses of the researcher pages. It must hold no view."""

from django.urls import URLPattern, path

from annotate.web import (
    dashboard,
    exam_items,
    importing,
    launching,
    members,
    methods,
    pictures,
    researcher,
    sample_page,
    samples,
    thresholds,
)

urlpatterns: list[URLPattern] = [
    path("", researcher.studies, name="studies"),
    path("new/", researcher.new, name="study-new"),
    path("method/", methods.price, name="method-price"),
    path("<uuid:uid>/", dashboard.dashboard, name="study"),
    path("<uuid:uid>/edit/", researcher.edit, name="study-edit"),
    path("<uuid:uid>/study.toml", researcher.spec_file, name="study-toml"),
    path("<uuid:uid>/clone/", researcher.clone, name="study-clone"),
    path("<uuid:uid>/template/", researcher.keep_template, name="study-template"),
    path("<uuid:uid>/move/", researcher.move_study, name="study-move"),
    path("<uuid:uid>/launch/", launching.launch_study, name="study-launch"),
    path("<uuid:uid>/thresholds/", thresholds.thresholds, name="study-thresholds"),
    path("<uuid:uid>/import/", importing.import_page, name="study-import"),
    path("<uuid:uid>/samples/", samples.samples, name="study-samples"),
    path("<uuid:uid>/samples/<int:pk>/", sample_page.sample, name="study-sample"),
    path("<uuid:uid>/samples/<int:pk>/again/", sample_page.make_again, name="study-sample-again"),
    path("<uuid:uid>/samples/<int:pk>/small/", sample_page.thumb, name="study-thumb"),
    path("<uuid:uid>/sampling/<slug:verb>/", pictures.sampling_verb, name="study-sampling"),
    path("<uuid:uid>/exam/", exam_items.exam_items, name="study-exam"),
    path("<uuid:uid>/exam/numbers/", exam_items.numbers, name="study-exam-numbers"),
    path("<uuid:uid>/exam/<int:pk>/drop/", exam_items.drop, name="study-exam-drop"),
    path("<uuid:uid>/members/", members.members, name="study-members"),
    path("<uuid:uid>/members/invite/", members.invite, name="study-invite"),
    path("<uuid:uid>/members/add/", members.add, name="study-add-member"),
    path("<uuid:uid>/members/<int:pk>/", members.activity, name="study-member-active"),
    path("<uuid:uid>/members/<int:pk>/role/", members.role, name="study-member-role"),
    path("<uuid:uid>/invitations/<int:pk>/", members.withdraw, name="study-withdraw"),
    path("<uuid:uid>/reported/<int:pk>/", dashboard.resolve_reports, name="study-reported"),
]
