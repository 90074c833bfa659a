"""What somebody reads who cannot come in, or who has come to an end. It must decide neither."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from annotate.judging.finishing import End
from annotate.judging.verdicts import protocol_of
from annotate.studies.entry import Why
from annotate.studies.models import Membership


def refusal(why: Why) -> tuple[str, str, int]:
    """Heading, words and HTTP status for somebody who is not let in."""
    ask = _("If you think this is a mistake, write to the people who sent you here.")
    words: dict[Why, tuple[str, str, int]] = {
        Why.UNKNOWN: (
            _("This link does not open"),
            _(
                "It is not known here. It may have been cut off when it was copied: open it "
                "again from the page where you found it."
            ),
            404,
        ),
        Why.INCOMPLETE: (
            _("This link is missing something"),
            _(
                "It should say who you are on the platform you come from, and does not. Open the "
                "study from the platform's own page, not from a copied address."
            ),
            400,
        ),
        Why.NOT_TAKEN: (
            _("Accept the task first"),
            _("You are looking at a preview. Accept the task on the platform and open it again."),
            400,
        ),
        Why.CLOSED: (
            _("This study takes nobody in any more"),
            _("Thank you for coming. Please return the task on the platform you come from."),
            410,
        ),
        Why.EXPIRED: (
            _("This link has ended"),
            _("Thank you for coming. Please return the task on the platform you come from."),
            410,
        ),
        Why.NOT_BEGUN: (
            _("This study has not begun"),
            _("Please come back later, by the same link."),
            409,
        ),
        Why.FULL: (
            _("All places are taken"),
            _(
                "As many people as this study needs have come already. Thank you for your "
                "interest. Please return the task on the platform you come from."
            ),
            409,
        ),
        Why.USED: (
            _("This link has been used"),
            _(
                "It is meant for one person and works once. If that was you, go on where you "
                "opened it first; to change to another device, ask for a new link."
            ),
            410,
        ),
        Why.OUTDATED: (
            _("This link has ended"),
            _("A personal link works for a few days. Ask the people who sent it for a new one."),
            410,
        ),
        Why.ELSEWHERE: (
            _("Go on where you began"),
            _(
                "Somebody with your id on the platform has begun this study in another browser. "
                "If that was you, open the study there, on the same device: your answers are "
                "waiting. If you cannot, write to the people who sent you here and ask for your "
                "personal link: it opens your place on any device."
            ),
            403,
        ),
        Why.ERASED: (
            _("You have judged in this study already"),
            _(
                "Thank you for that. You had your data erased, so nobody can tell which answers "
                "were yours, and nobody judges the same pictures twice. Please return the task on "
                "the platform you come from. Other studies are open to you as before."
            ),
            403,
        ),
        Why.LEFT: (
            _("Your place in this study has ended"),
            _("The answers you have given are kept."),
            403,
        ),
    }
    heading, said, status = words[why]
    asks_already = why in {Why.OUTDATED, Why.ELSEWHERE}
    return heading, said if asks_already else f"{said} {ask}", status


def end_words(end: End | None, membership: Membership) -> tuple[str, str]:
    """Heading and words for somebody who gets no further pair."""
    most = protocol_of(membership.study).votes_per_annotator
    if end is End.QUOTA:
        said = ngettext(
            "You have answered the one pair that each person is asked for.",
            "You have answered all %(n)d pairs that one person is asked for.",
            most,
        )
        return _("You are done"), said % {"n": most}
    if end is End.EMPTY:
        return _("Nothing is left to judge"), _(
            "Every pair is judged, with somebody else, or one you have seen. There is nothing to "
            "wait for."
        )
    if end is End.CLOSED:
        return _("This study is finished"), _("It has all the answers it needs.")
    if end is End.SCREENED:
        return _("The exam was not passed"), _(
            "No attempt is left, so there are no pairs for you here. Thank you for trying, and for "
            "the time you gave."
        )
    if end is End.ENDED:
        return _("Your place in this study has ended"), _(
            "You get no further pairs here. The answers you gave are kept."
        )
    if end is End.TODAY:
        return _("Enough for today"), _(
            "You have reached this study's time for one day, so that eyes stay fresh. New pairs "
            "open within 24 hours; what you have answered is kept."
        )
    return _("There is work again"), _("Pairs have come back since you were given your code.")
