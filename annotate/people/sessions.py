"""Sessions in the database, read by one plain statement: every request of every annotator asks.

It must not differ from Django's own store in anything but the cost of reading.
"""

from typing import Any

from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.db import connection
from django.utils import timezone


class SessionStore(DatabaseStore):
    """Django's database sessions; reading them does not build a query each time."""

    def load(self) -> dict[str, Any]:
        """The session's data; empty, without a key, when it is unknown or has ended."""
        now = connection.ops.adapt_datetimefield_value(timezone.now())
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT session_data FROM django_session "
                "WHERE session_key = %s AND expire_date > %s",
                [self.session_key, now],
            )
            row = cursor.fetchone()
        if row is None:
            self._session_key = None
            return {}
        data: dict[str, Any] = self.decode(row[0])
        return data
