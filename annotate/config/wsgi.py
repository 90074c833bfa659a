"""The WSGI application: pictures are answered before Django, everything else by Django."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "annotate.config.settings")
django_application = get_wsgi_application()

from annotate.sampling.media import PictureServer  # noqa: E402 (needs the settings above)

application = PictureServer(django_application)
