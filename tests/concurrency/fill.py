"""Fill a site's database with one open study and signed-in annotators; writes one JSON object.

Run as a script in the environment of the server under test. It must not vote.
"""

import json
import os
import sys
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "annotate.config.settings")
django.setup()

from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.db import transaction  # noqa: E402

from annotate.judging.launch import launch  # noqa: E402
from annotate.people.models import User  # noqa: E402
from tests.factories import join, make_study, make_user  # noqa: E402


def sign_in(user: User) -> str:
    session = SessionStore()
    session["_auth_user_id"] = str(user.pk)
    session["_auth_user_backend"] = "django.contrib.auth.backends.ModelBackend"
    session["_auth_user_hash"] = user.get_session_auth_hash()
    session.save()
    return session.session_key or ""


@transaction.atomic
def fill(name: str, pairs: int, annotators: int, protocol: dict[str, Any]) -> dict[str, Any]:
    """One open study with these many pairs and people; names are unique by `name`."""
    owner = make_user("researcher", username=f"{name} owner")
    study = make_study(pairs=pairs, protocol=protocol, owner=owner, name=name)
    people = [make_user(username=f"{name} {n}") for n in range(annotators)]
    for person in people:
        join(study, person)
    launch(study, actor=None)
    return {"pk": study.pk, "uid": str(study.uid), "sessions": [sign_in(p) for p in people]}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(fill(**json.loads(sys.argv[1]))))
