"""Guessing passwords is slowed by address too: a hundred wrong ones an hour, whatever the accounts.

It must not know pages. django-axes counts by account and address together (config/settings.py).
"""

from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from django.conf import settings
from django.http import HttpRequest

from annotate.people.models import FailedLogin

WINDOW = timedelta(hours=1)
LIMIT = 100
"""Wrong passwords from one address within WINDOW (reliability.md 3). Tries that are answered at the
same moment do not see each other: as many more than there are server threads may get through."""


def visitor_address(request: HttpRequest) -> str | None:
    """Where a request comes from, behind as many proxies as TRUSTED_PROXIES counts.

    Each proxy appends whom it heard from; what stands further left the visitor may have written.
    """
    hops = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    trusted = settings.TRUSTED_PROXIES
    forwarded = hops[-trusted] if 0 < trusted <= len(hops) else ""
    for given in (forwarded, request.META.get("REMOTE_ADDR", "")):
        if address := _read(given.strip()):
            return str(address)
    return None


def source(address: str | None) -> str | None:
    """What failures count under: an IPv4 address, the /64 of an IPv6 one (a subscriber's)."""
    read = _read(address or "")
    if isinstance(read, IPv6Address):
        return str(ip_network((read, 64), strict=False))
    return str(read) if read else None


def closed_until(address: str | None, *, now: datetime) -> datetime | None:
    """When logging in from this address is possible again; None when it is now."""
    counted = FailedLogin.objects.filter(source=source(address), at__gt=now - WINDOW)
    decisive = counted.order_by("-at").values_list("at", flat=True)[LIMIT - 1 : LIMIT].first()
    return decisive + WINDOW if decisive else None


def count_failure(address: str | None, *, now: datetime) -> None:
    """Write down one wrong password, and forget what no longer counts for anybody."""
    FailedLogin.objects.filter(at__lte=now - WINDOW).delete()
    if counted := source(address):
        FailedLogin.objects.create(source=counted, at=now)


class BothLimits(AxesDatabaseHandler):  # type: ignore[misc]  # axes has no types
    """What axes does, and the limit by address. A right password does not lift the latter: else
    whoever has an account could guess those of others for ever."""

    def is_locked(self, request: Any, credentials: dict[str, Any] | None = None) -> bool:
        """Whether the password is not even looked at."""
        if closed_until(request.axes_ip_address, now=request.axes_attempt_time):
            return True
        return bool(super().is_locked(request, credentials))

    def user_login_failed(
        self, sender: Any, credentials: dict[str, Any], request: Any = None, **kwargs: Any
    ) -> None:
        """Count a wrong password. A try that was refused unseen counts for no address."""
        if request is None:
            super().user_login_failed(sender, credentials, request, **kwargs)
            return
        address, now = request.axes_ip_address, request.axes_attempt_time
        if closed_until(address, now=now):
            request.axes_locked_out = True
            request.axes_credentials = credentials
            return
        seen = not super().is_locked(request, credentials)
        super().user_login_failed(sender, credentials, request, **kwargs)
        if seen:
            count_failure(address, now=now)


def _read(given: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(given)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
