"""Forms of the account pages. They must not write rows: the verbs of `people` do."""

from collections.abc import Iterable
from threading import Timer
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm, PasswordResetForm, UserCreationForm
from django.utils.translation import get_language, override
from django.utils.translation import gettext_lazy as _

from annotate.people.models import Role, User

MAIL_THREAD = "password-reset-mail"
# Seconds. Begun at once, the letter's thread would slow down the answer it runs beside.
MAIL_DELAY = 0.5

if TYPE_CHECKING:
    NewAccountForm = UserCreationForm[User]
else:  # generic for the type checker only
    NewAccountForm = UserCreationForm


class JoinForm(NewAccountForm):
    """Name and password of a new account; Django's validators judge the password."""

    class Meta:
        model = User
        fields = ("username", "email")
        labels = {"username": _("Username"), "email": _("E-mail address (optional)")}
        help_texts = {
            "username": _(
                "To log in with. Reports and exports never show it: there you are A\u201107."
            ),
            "email": _("Only for a link when you forget your password."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].widget.attrs["autocomplete"] = "email"
        self.fields["password2"].label = _("Password again")
        self.fields["password2"].help_text = ""


class LoginForm(AuthenticationForm):
    """Django's own; a refusal says what to look at."""

    error_messages = AuthenticationForm.error_messages | {
        "invalid_login": _(
            "No account has this username and password. Try again: capital letters count in both."
        )
    }


class ResetForm(PasswordResetForm):
    """Answers alike, and as fast, whether or not somebody has the address."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = _("E-mail address")

    def get_users(self, email: str) -> Iterable[User]:
        # For an address nobody has, the same work is done for a person who is not there.
        return list(super().get_users(email)) or [User(pk=0)]

    def send_mail(
        self,
        subject_template_name: str,
        email_template_name: str,
        context: dict[str, Any],
        from_email: str | None,
        to_email: str,
        html_email_template_name: str | None = None,
    ) -> None:
        """Send the letter after the answer: a mail server may take its time."""
        write = super().send_mail if to_email else _no_letter
        letter = (subject_template_name, email_template_name, context, from_email, to_email)
        language = get_language()

        def send() -> None:
            # A thread begins in the site's language, and the letter is for who asked on this page.
            with override(language):
                write(*letter, html_email_template_name)

        later = Timer(MAIL_DELAY, send)
        later.name = MAIL_THREAD
        later.start()


def _no_letter(*_args: Any, **_kwargs: Any) -> None:
    """What is sent to the person who is not there."""


class InviteForm(forms.Form):
    """Whom an admin lets in from the people page; annotators are invited by their study."""

    role = forms.ChoiceField(
        choices=[(Role.RESEARCHER, "Researcher"), (Role.ADMIN, "Admin")], initial=Role.RESEARCHER
    )
    note = forms.CharField(
        max_length=200, required=False, help_text="For whom it is. Shown on this page only."
    )


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=Role.choices)
