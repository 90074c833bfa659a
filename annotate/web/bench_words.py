"""What the judging screen's scripts say, in the reader's language; judge/view.js takes it by name.

Words in {braces} are filled in by the script. It must not know when anything is said.
"""

from collections.abc import Callable

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

# One number of every kind that languages tell apart (Unicode's plural rules); the last is "other".
NUMBERS = (0, 1, 2, 3, 11, 100)

Words = dict[str, str | dict[str, str]]


def _counted(form: Callable[[int], str]) -> dict[str, str]:
    """The sentence by number, where it differs from the one for many."""
    *some, many = NUMBERS
    words = {str(n): form(n) for n in some if form(n) != form(many)}
    return {**words, "other": form(many)}


def bench_words() -> Words:
    """Made once for each opened page, never for a vote."""
    return {
        # The pair.
        "picture": _("Picture {side}"),
        "pair": _("Pair {number}. {question}"),
        "moment_look": _("A moment: look at both pictures first."),
        "moment_load": _("A moment: both pictures are still loading."),
        "picture_trouble": _("A picture has not loaded yet. Trying again; R reports it."),
        "passed_on": _("That pair was passed on to someone else. Here is the next."),
        "other_tab": _("This pair was answered in another tab."),
        "not_needed": _("One answer was not needed: the pair had been passed on to someone else."),
        "had_passed": _("The pair had already been passed on to someone else."),
        # Questions and answers.
        "overall": _("Overall"),
        "overall_question": _("Which picture is better overall?"),
        "decided": _("What decided it?"),
        "left": _("picture 1"),
        "right": _("picture 2"),
        "equal": _("equal"),
        "bad": _("both bad"),
        "about_equal": _("About equal"),
        "equally_good": _("Equally good"),
        "then": _("then {question}"),
        # Undo.
        "undo": _("Undo {answer}"),
        "undo_last": _("Undo last answer, {answer}"),
        "quoted": _("“{answer}”"),
        "no_undo": _(
            "Nothing to undo: an answer can be taken back until the next one, or for a minute."
        ),
        "undoing": _("Undoing the last answer."),
        "undone": _("Undone. The pair is open again."),
        "undo_offline": _(
            "No connection: this answer is already saved. Undo works again when the connection is "
            "back."
        ),
        # Reports.
        "skipped": _("Skipped. This pair will not come back to you."),
        "reported": _("Reported. Thank you; here is the next pair."),
        "unsendable": _(
            "This could not be sent: no connection. Nothing is lost; try again in a moment."
        ),
        # What is on its way.
        "saved": _("All answers saved"),
        "waiting": _counted(
            lambda n: ngettext("{n} answer waiting to send", "{n} answers waiting to send", n)
        ),
        "kept": _counted(
            lambda n: ngettext(
                "{n} answer is kept on this device and will be sent.",
                "{n} answers are kept on this device and will be sent.",
                n,
            )
        ),
        "kept_login": _counted(
            lambda n: ngettext(
                "{n} answer is kept on this device and will be sent after you log in.",
                "{n} answers are kept on this device and will be sent after you log in.",
                n,
            )
        ),
        "parked": _counted(
            lambda n: ngettext(
                "{n} answer is kept on this device but could not be placed. Reload this page; if "
                "it stays so, tell the researcher.",
                "{n} answers are kept on this device but could not be placed. Reload this page; "
                "if it stays so, tell the researcher.",
                n,
            )
        ),
        "tab_only": _counted(
            lambda n: ngettext(
                "{n} answer is kept in this tab only. Please leave it open until it is sent.",
                "{n} answers are kept in this tab only. Please leave it open until they are sent.",
                n,
            )
        ),
        "logged_out": _("You are logged out."),
        "log_in": _("Log in"),
        "log_in_again": _("Log in again to go on."),
        "offline": _("No connection."),
        "offline_go_on": _("You can go on."),
        "offline_wait": _("New pairs appear by themselves when the connection is back."),
        # Why no pair can be shown.
        "too_narrow": _("This study needs a screen at least 900 px wide."),
        "larger": _("Please open it on a larger screen."),
        "paused": _(
            "This study is paused. Everything you answered is kept; this page goes on by itself "
            "when the study is open again."
        ),
        "closed": _("This study is closed."),
        "coming": _("The next pair is on its way."),
        "with_others": _(
            "Nothing to judge just now: the pairs that are left are with other people. This page "
            "looks again by itself."
        ),
        "nothing_for_you": _("Nothing left to judge here for you."),
        "nothing": _("Nothing left to judge here: every pair has all its answers."),
        "nothing_1": _("Nothing left to judge here: every pair has its answer."),
        "nothing_2": _("Nothing left to judge here: every pair has its two answers."),
        "nothing_3": _("Nothing left to judge here: every pair has its three answers."),
        "thanks": _counted(
            lambda n: ngettext(
                "Thank you, your answer is in.", "Thank you, your {n} answers are in.", n
            )
        ),
        # Rests and zoom.
        "break_soon": _("Break soon"),
        "break_in": _counted(lambda n: ngettext("Break in {n} min", "Break in {n} min", n)),
        "rest_pairs": _counted(
            lambda n: ngettext(
                "{n} pair. A short break keeps your eyes fair.",
                "{n} pairs. A short break keeps your eyes fair.",
                n,
            )
        ),
        "rest_minutes": _counted(
            lambda n: ngettext(
                "{n} minute. A short break keeps your eyes fair.",
                "{n} minutes. A short break keeps your eyes fair.",
                n,
            )
        ),
        "far_away": _("Look at something far away. {time}"),
        "zoom_fit": _("zoom both, now fit, {percent} %"),
        "zoom": _("zoom both, now {percent} %"),
    }
