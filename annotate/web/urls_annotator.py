"""Addresses of the judging screen. It must hold no view."""

from django.urls import path

from annotate.web import annotator, entering, preview, qualification

urlpatterns = [
    path("<uuid:uid>/preview/", preview.page, name="study-preview"),
    path("<uuid:uid>/preview/<str:name>", preview.verb, name="preview-verb"),
    path("<uuid:uid>/", annotator.judge, name="judge"),
    path("<uuid:uid>/finished/", entering.finished, name="finished"),
    path("<uuid:uid>/leave/", entering.leave_study, name="leave"),
    path("<uuid:uid>/first/", qualification.qualify, name="qualify"),
    path("<uuid:uid>/trial/", qualification.trial, name="trial"),
    path("<uuid:uid>/trial/<str:name>", qualification.verb, name="trial-verb"),
    path("<uuid:uid>/hand", annotator.hand, name="judge-hand"),
    path("<uuid:uid>/votes", annotator.votes, name="judge-votes"),
    path("<uuid:uid>/renew", annotator.renew, name="judge-renew"),
    path("<uuid:uid>/undo", annotator.undo, name="judge-undo"),
    path("<uuid:uid>/report", annotator.report, name="judge-report"),
    path("<uuid:uid>/skip", annotator.skip, name="judge-skip"),
]
