"""The WSGI application: pictures are answered before Django, everything else by Django."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "annotate.config.settings")
application = get_wsgi_application()
