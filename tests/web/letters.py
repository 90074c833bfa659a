"""Letters leave after the answer, in threads of their own: how a test waits for them."""

import threading

from annotate.web.forms_account import MAIL_THREAD


def all_letters_sent() -> None:
    """Return when none is on its way any more."""
    for thread in threading.enumerate():
        if thread.name == MAIL_THREAD:
            thread.join(10)
