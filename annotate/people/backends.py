"""Who is behind a session, read by one plain statement: every request of every annotator asks.

It must not differ from Django's own backend in anything but the cost of reading.
"""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import HttpRequest

from annotate.people.models import User

# In the order of the model; the rest (times, whatever is added later) is read when asked for.
_FIELDS = (
    "id",
    "password",
    "is_superuser",
    "username",
    "first_name",
    "last_name",
    "email",
    "is_staff",
    "is_active",
    "role",
    "simulated",
    "session_epoch",
)
_PERSON = f"SELECT {', '.join(_FIELDS)} FROM people_user WHERE id = %s"  # noqa: S608 (constants)


class PlainBackend(ModelBackend):
    """Signs people in by name and password, and finds them again by their session."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User:
        """The person of that name and password.

        Raises:
            PermissionDenied: there is none. Django then asks no further backend: the one that
                follows is there for sessions begun under its name, and would hash again.
        """
        found = super().authenticate(request, username=username, password=password, **kwargs)
        if not isinstance(found, User):
            raise PermissionDenied
        return found

    def get_user(self, user_id: int) -> User | None:
        """The person, if they may sign in."""
        with connection.cursor() as cursor:
            cursor.execute(_PERSON, [user_id])
            row = cursor.fetchone()
        if row is None:
            return None
        person = User.from_db("default", _FIELDS, row)
        return person if self.user_can_authenticate(person) else None
