"""One twelve-factor settings file: what differs between machines comes from the environment.

It must not import any application code of Triptych.
"""

import os
import secrets
from pathlib import Path
from typing import Any

import dj_database_url
from csp.constants import NONE, SELF

BASE_DIR = Path(__file__).resolve().parents[2]


def env_bool(name: str, *, default: bool) -> bool:
    """Read a switch from the environment; anything but 0/1 and their words is refused."""
    given = os.environ.get(name)
    if given is None or given == "":
        return default
    table = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False}
    table |= {"no": False, "off": False}
    if given.lower() not in table:
        raise ValueError(f"{name}={given!r} is not a switch; allowed: 1 or 0. Change or unset it.")
    return table[given.lower()]


# Where the database, pictures and the secret key of this installation live.
DATA_DIR = Path(os.environ.get("TRIPTYCH_DATA_DIR", BASE_DIR / "data")).resolve()
DATA_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
STORE_DIR = DATA_DIR / "store"


def _secret_key() -> str:
    """The key from the environment, else one made once for this data directory."""
    if given := os.environ.get("TRIPTYCH_SECRET_KEY"):
        return given
    path = DATA_DIR / "secret_key"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(handle, "w") as file:
        file.write(key := secrets.token_urlsafe(50))
    return key


SECRET_KEY = _secret_key()
DEBUG = env_bool("TRIPTYCH_DEBUG", default=False)
ALLOWED_HOSTS = os.environ.get("TRIPTYCH_HOSTS", "127.0.0.1,localhost,[::1]").split(",")
CSRF_TRUSTED_ORIGINS = [o for o in os.environ.get("TRIPTYCH_ORIGINS", "").split(",") if o]
# Behind TLS (production) cookies are Secure and plain requests redirected; the demo is loopback.
TLS = env_bool("TRIPTYCH_TLS", default=False)
# Proxies in front that append to X-Forwarded-For: log-ins are limited by the visitor's address, and
# with too low a number all visitors share the proxy's.
_proxies = os.environ.get("TRIPTYCH_PROXIES") or str(int(TLS))
if not _proxies.isdecimal():
    raise ValueError(f"TRIPTYCH_PROXIES={_proxies!r}; allowed: 0, 1, 2 … Change or unset it.")
TRUSTED_PROXIES = int(_proxies)

INSTALLED_APPS = [
    "annotate.people",
    "annotate.studies",
    "annotate.sampling",
    "annotate.judging",
    "annotate.reports",
    "annotate.web",
    "annotate.cli",
    "annotate.config.apps.TriptychAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "csp",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "annotate.web.language.PageLanguage",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "annotate.config.urls"
WSGI_APPLICATION = "annotate.config.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- database -------------------------------------------------------------------------------------
# SQLite keeps FULL by default: an acknowledged vote survives a power cut (reliability.md 2.1).
SQLITE_SYNCHRONOUS = os.environ.get("TRIPTYCH_SQLITE_SYNCHRONOUS", "FULL").upper()
if SQLITE_SYNCHRONOUS not in {"FULL", "NORMAL"}:
    raise ValueError(
        f"TRIPTYCH_SQLITE_SYNCHRONOUS={SQLITE_SYNCHRONOUS!r}; allowed: FULL (durable), NORMAL."
    )
DATABASES: dict[str, Any] = {
    "default": dj_database_url.parse(
        os.environ.get("DATABASE_URL") or f"sqlite:///{DATA_DIR / 'triptych.sqlite3'}",
        conn_max_age=None,
    )
}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # DEFERRED, Django's default, fails with "database is locked" under concurrent writers.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL;"
        f"PRAGMA synchronous={SQLITE_SYNCHRONOUS};"
        "PRAGMA foreign_keys=ON;PRAGMA cache_size=-16000;",
    }
if DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql":
    # Lets what judging/statements.py runs, and nothing else, be planned once a connection. Switch
    # it off behind a pooler that lends connections by transaction.
    DATABASES["default"].setdefault("OPTIONS", {})["prepare_threshold"] = (
        5 if env_bool("TRIPTYCH_POSTGRES_PREPARE", default=True) else None
    )
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- people ---------------------------------------------------------------------------------------
AUTH_USER_MODEL = "people.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "annotate.people.backends.PlainBackend",
    # Sessions begun under this name go on; nobody signs in through it any more.
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_RESET_TIMEOUT = 3600
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
# And 100 an hour by address, whatever the account.
AXES_HANDLER = "annotate.people.guessing.BothLimits"
AXES_CLIENT_IP_CALLABLE = "annotate.people.guessing.visitor_address"
AXES_LOCKOUT_CALLABLE = "annotate.web.account.locked_out"
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
AXES_ENABLE_ADMIN = False
AXES_NEVER_LOCKOUT_GET = True
# An unused invitation's secret can stand in `next` and in the address a log-in came from.
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "next"]
AXES_DISABLE_ACCESS_LOG = True
EMAIL_BACKEND = os.environ.get(
    "TRIPTYCH_EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend"
)
DEFAULT_FROM_EMAIL = os.environ.get("TRIPTYCH_EMAIL_FROM", "triptych@localhost")

# --- the browser ----------------------------------------------------------------------------------
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "blob:", "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_ENGINE = "annotate.people.sessions"
SESSION_COOKIE_AGE = 60 * 60 * 24 * 14
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
if TLS:
    SECURE_SSL_REDIRECT = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-session", "__Host-csrf"

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "annotate.web.assets.ModuleStaticFilesStorage"},
}
if env_bool("TRIPTYCH_PLAIN_STATIC", default=DEBUG):
    # Tests and development read the files where they lie, without collecting them first.
    STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    WHITENOISE_USE_FINDERS = True
    WHITENOISE_AUTOREFRESH = DEBUG
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
# Imports may be large: they go to disk at once, and above the limit they are stopped with words.
UPLOAD_LIMIT = 2 * 1024**3
FILE_UPLOAD_HANDLERS = [
    "annotate.web.uploads.LimitUpload",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

LANGUAGE_CODE = "en"
# A language is a line here and a folder under locale/ (CONTRIBUTING.md, "Another language").
LANGUAGES = [("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

# --- jobs -----------------------------------------------------------------------------------------
# The broker is a doorbell (reliability.md 1.3): by default a folder, in production RabbitMQ or
# Redis by the same code. Whoever can write to it can queue work, hence the mode of the folder.
BROKER_URL = (
    os.environ.get("CELERY_BROKER_URL")
    or os.environ.get("TRIPTYCH_BROKER_URL")
    or "filesystem://localhost"
)
BROKER_DIR = DATA_DIR / "broker"
# A visitor's request must not hang on a broker that is away: a second, and the sweep tries again.
BROKER_PUBLISH_OPTIONS: dict[str, Any] = {"max_retries": 0}
if BROKER_URL.startswith("redis"):
    BROKER_PUBLISH_OPTIONS |= {"socket_timeout": 1, "socket_connect_timeout": 1}
elif BROKER_URL.startswith("amqp"):
    BROKER_PUBLISH_OPTIONS |= {"read_timeout": 1, "write_timeout": 1}
_broker_options: dict[str, Any] = {}
if BROKER_URL.startswith("filesystem://"):
    for _folder in (BROKER_DIR, *(BROKER_DIR / n for n in ("messages", "taken", "control"))):
        _folder.mkdir(exist_ok=True, mode=0o700)
    _broker_options = BROKER_PUBLISH_OPTIONS = {
        # One folder both ways: who rings and who listens are the same installation.
        "data_folder_in": str(BROKER_DIR / "messages"),
        "data_folder_out": str(BROKER_DIR / "messages"),
        # Taken messages are moved, not copied by way of the world's /tmp; the sweep empties it.
        "store_processed": True,
        "processed_folder": str(BROKER_DIR / "taken"),
        "control_folder": str(BROKER_DIR / "control"),
        "polling_interval": 0.15,
    }
CELERY_APP = "annotate.config.celery.app"
CELERY: dict[str, Any] = {
    "broker_url": BROKER_URL,
    "broker_transport_options": _broker_options,
    "broker_connection_retry_on_startup": True,
    "task_ignore_result": True,
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "worker_prefetch_multiplier": 1,
    "task_default_queue": "gpu",
    # Messages are numbers: nothing else is read, and pickles are refused.
    "task_serializer": "json",
    "accept_content": ["json"],
    # Nobody steers workers by messages; they would only load the broker.
    "worker_enable_remote_control": False,
    "worker_send_task_events": False,
    "worker_hijack_root_logger": False,
}


def env_seconds(name: str, default: float) -> float:
    """A time in seconds from the environment; anything but a number above 0 is refused."""
    given = os.environ.get(name) or str(default)
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ValueError(f"{name}={given!r}; allowed: seconds above 0. Change or unset it.")
    return seconds


# Where models are that a recipe names by a path of its own; which device workers use ("cuda:1",
# "cpu"), by default the best one there is.
MODELS_DIR = Path(os.environ.get("TRIPTYCH_MODELS", DATA_DIR / "models"))
SAMPLING_DEVICE = os.environ.get("TRIPTYCH_DEVICE", "")
# Minutes at a worker's start, in exchange for faster steps.
SAMPLING_COMPILE = env_bool("TRIPTYCH_COMPILE", default=False)

JOBS = {
    # A worker that has not renewed its lease for this long is taken for dead.
    "lease": env_seconds("TRIPTYCH_JOB_LEASE", 60),
    "sweep": env_seconds("TRIPTYCH_SWEEP", 10),
    # A queued job that no worker took for this long while none was busy is rung for again.
    "republish": env_seconds("TRIPTYCH_JOB_REPUBLISH", 30),
    # Jobs are minutes of work at most; one that has run this long hangs and is stopped.
    "deadline": env_seconds("TRIPTYCH_JOB_DEADLINE", 1200),
    # A step that has not come back this long after the word to stop never will: the process ends.
    "hung": env_seconds("TRIPTYCH_JOB_HUNG", 120),
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": os.environ.get("TRIPTYCH_LOG_LEVEL", "WARNING")},
    "loggers": {
        # A message received and a task succeeded are no news beside the job's own line.
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
    },
}
SILENCED_SYSTEM_CHECKS: list[str] = []
TEST_RUNNER = "django.test.runner.DiscoverRunner"
