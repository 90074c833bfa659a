"""Forms of the account pages. They must not write rows: the verbs of `people` do."""

from threading import Thread
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.forms import PasswordResetForm, UserCreationForm

from annotate.people.models import Role, User

MAIL_THREAD = "password-reset-mail"

if TYPE_CHECKING:
    NewAccountForm = UserCreationForm[User]
else:  # generic for the type checker only
    NewAccountForm = UserCreationForm


class JoinForm(NewAccountForm):
    """Name and password of a new account; Django's validators judge the password."""

    class Meta:
        model = User
        fields = ("username", "email")
        labels = {"username": "User name", "email": "E-mail address (optional)"}
        help_texts = {
            "username": "To log in with. Reports and exports never show it: there you are A-07.",
            "email": "Only for a link when you forget your password.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].widget.attrs["autocomplete"] = "email"
        self.fields["password2"].label = "Password again"
        self.fields["password2"].help_text = ""


class ResetForm(PasswordResetForm):
    """Sends the letter beside the answer, so that a known address does not take longer."""

    def send_mail(self, *args: Any, **kwargs: Any) -> None:
        Thread(target=super().send_mail, args=args, kwargs=kwargs, name=MAIL_THREAD).start()


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
