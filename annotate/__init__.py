"""Triptych's Django side. This file imports nothing; it is the map.

Read the packages in the order in which a study lives; none imports one to its right in this line:

    config > web | api | cli > reports > judging > sampling > studies > people > analysis

    people    who may come in: users, invitations, login throttling
    studies   what is asked: StudySpec, protocol, prompt sets, methods, contrasts, lifecycle
    sampling  the pictures: content-addressed store, samples, import of manifests
    judging   who judges what: comparisons, slots, leases, votes, verdicts
    reports   what came out: frames, win rates, figures, exports
    web       pages for annotators and researchers;  api: JSON for programs;  cli: the same verbs
    analysis  pure statistics: no Django in it
    config    settings, urls, wsgi
"""
