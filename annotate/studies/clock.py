"""The database's clock: leases must not depend on the clocks of web hosts.

It must not be used for anything the browser measures.
"""

from datetime import UTC, datetime

from django.db import connection


def database_now() -> datetime:
    """The database's present, in UTC, to the millisecond or better."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT strftime('%Y-%m-%dT%H:%M:%f', 'now')")
            return datetime.fromisoformat(cursor.fetchone()[0]).replace(tzinfo=UTC)
        # Not now(), which stands still at the transaction's start while it waits for locks.
        cursor.execute("SELECT clock_timestamp()")
        stamp: datetime = cursor.fetchone()[0]
        return stamp.astimezone(UTC)
