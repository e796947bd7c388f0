"""Settings. The only reader of the environment; every variable is described in ``.env.example``.

Without any variable Chapar starts on this machine alone: loopback, SQLite, and secrets made once in ``var/``.
With ``PRODUCTION=true`` nothing is made up: what is missing stops the start.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import environ
from cryptography.fernet import Fernet
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
if env.bool("READ_DOT_ENV", default=True) and (BASE_DIR / ".env").is_file():
    env.read_env(BASE_DIR / ".env")

PRODUCTION = env.bool("PRODUCTION", default=False)
DEBUG = env.bool("DEBUG", default=False)
VAR_DIR = Path(env.str("VAR_DIR", default=str(BASE_DIR / "var"))).resolve()


def _secret(variable: str, filename: str, generate: Callable[[], str]) -> str:
    """The variable's value; outside production, else the content of a private file that is made once."""
    value: str = env.str(variable, default="")
    if value or PRODUCTION:
        if not value:
            raise ImproperlyConfigured(f"{variable} must be set in production; .env.example tells how to make one.")
        return value
    path = VAR_DIR / filename
    if not path.is_file():
        VAR_DIR.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(generate())
    return path.read_text().strip()


SECRET_KEY = _secret("SECRET_KEY", "secret_key", lambda: secrets.token_urlsafe(48))
FIELD_ENCRYPTION_KEYS = [
    key.strip()
    for key in _secret("FIELD_ENCRYPTION_KEYS", "field_encryption_keys", lambda: Fernet.generate_key().decode()).split(
        ","
    )
    if key.strip()
]

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[] if PRODUCTION else ["127.0.0.1", "localhost", "[::1]"])
CSRF_FAILURE_VIEW = "project.refusals.too_old"
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
WEB_PORT = env.int("WEB_PORT", default=8000)
SANDBOX_PORT = env.int("SANDBOX_PORT", default=8900)
DEMO_PASSWORD = env.str("DEMO_PASSWORD", default="")

INSTALLED_APPS = [
    "project.apps.ProjectConfig",
    "project.apps.ChaparAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "csp",
    "django_q",
    "providers",
    "contacts",
    "campaigns",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",  # a composer of 58 kB goes out as 9; CSRF tokens are masked each time
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "project.middleware.PersianFirstLocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "project.middleware.FragmentLoginRequiredMiddleware",
    "project.middleware.NumbersMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "contacts.announcing.AnnouncingMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "project.urls"
WSGI_APPLICATION = "project.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'db.sqlite3'}")}
# Persistent connections: reconnecting on every request or task costs a factor of ten (docs/operations.md).
DATABASES["default"]["CONN_MAX_AGE"] = None
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
if "sqlite3" in DATABASES["default"]["ENGINE"]:
    Path(DATABASES["default"]["NAME"]).parent.mkdir(parents=True, exist_ok=True)
    # IMMEDIATE: a transaction that starts by reading and then writes would meet "database is locked" at once.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-64000",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "dashboard"
LOGOUT_REDIRECT_URL = "login"

LANGUAGE_CODE = env.str("LANGUAGE_CODE", default="fa")
LANGUAGES = [("fa", _("Persian")), ("en", _("English")), ("ru", _("Russian"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "interface.formats"
TIME_ZONE = env.str("TIME_ZONE", default="Asia/Tehran")
USE_TZ = True
USE_I18N = True

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": VAR_DIR / "uploads"}},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
UPLOAD_DIR = VAR_DIR / "uploads"  # imported files, never served; attachments, by campaigns.views.files alone
EXPORT_DIR = VAR_DIR / "exports"  # what is to be downloaded, for some days; served by contacts.views.exports alone
SPOOL_DIR = VAR_DIR / "spool"  # what must outlive a database outage
WITNESS_FILE = VAR_DIR / "witness.json"  # how far the database has come; by it a restored one is noticed
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
IMPORT_MAX_BYTES = env.int("IMPORT_MAX_BYTES", default=1 << 30)
WEBHOOK_MAX_BYTES = 65_536
OPT_OUT_INTERVAL = env.float("OPT_OUT_INTERVAL", default=60.0)  # seconds between looks at an inbox; 0: none is read
# What a reply of 11 stops: "line", every "advertising" line, or "all" lines. The default is what the person saw the
# words in, and spares them one reply for each of our lines; service messages, such as codes, they still need.
OPT_OUT_SCOPE = env.str("OPT_OUT_SCOPE", default="advertising")
if OPT_OUT_SCOPE not in ("line", "advertising", "all"):
    raise ImproperlyConfigured("OPT_OUT_SCOPE must be line, advertising or all.")
# Whether a campaign needs an approval before it is launched: "optional", "required", or "four_eyes", where nobody
# approves what they composed or submitted themselves.
APPROVAL = env.str("APPROVAL", default="optional")
if APPROVAL not in ("optional", "required", "four_eyes"):
    raise ImproperlyConfigured("APPROVAL must be optional, required or four_eyes.")
TEST_RECIPIENTS = env.int("TEST_RECIPIENTS", default=5)  # numbers of one test send at most
EVENTS_KEPT = env.int("EVENTS_KEPT", default=400)  # days, of reports that have had their effect

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
SECURE_SSL_REDIRECT = PRODUCTION and env.bool("SECURE_SSL_REDIRECT", default=True)
SECURE_HSTS_SECONDS = 31_536_000 if PRODUCTION else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = PRODUCTION
if env.bool("BEHIND_TLS_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],  # blob: a file that was chosen, before it is uploaded
        "media-src": [SELF, "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}

# The engine. Times in seconds.
SEND_BATCH_SIZE = env.int("SEND_BATCH_SIZE", default=1_000)  # recipients a request; one doubt costs one batch
SEND_PILOT_SIZE = env.int("SEND_PILOT_SIZE", default=10)  # the first batch of a campaign
SEND_CONCURRENCY = env.int("SEND_CONCURRENCY", default=2)  # calls in flight a campaign
SEND_THREADS = env.int("SEND_THREADS", default=16)  # requests of one recipient under way in a worker
SEND_DOUBT = env.int("SEND_DOUBT", default=4)  # the same without an idempotency key: what one crash leaves unclear
SEND_FALLBACK_GATHER = env.float("SEND_FALLBACK_GATHER", default=20.0)  # how long refusals gather for one request
SEND_CONNECT_TIMEOUT = env.float("SEND_CONNECT_TIMEOUT", default=10.0)
SEND_READ_TIMEOUT = env.float("SEND_READ_TIMEOUT", default=60.0)
SEND_LEASE = env.float("SEND_LEASE", default=200.0)  # > connect + 2 x read timeout: a live call never loses its lease
SCHEDULE_LATENESS = env.float("SCHEDULE_LATENESS", default=1_800.0)  # beyond it a campaign asks instead of starting
SEND_SLICE = env.float("SEND_SLICE", default=10.0)  # how long one task works before it rings for the next

# django-q2 is the doorbell only: a task carries integer ids and may run never, once or twice (docs/architecture.md).
BROKER_URL = env.str("BROKER_URL", default="")
Q_CLUSTER: dict[str, Any] = {
    "name": "chapar",
    "workers": env.int("Q_WORKERS", default=4),
    "bulk": 1,
    "timeout": 240,
    "retry": 900,
    "max_attempts": 1,
    "ack_failures": True,
    "catch_up": False,
    "save_limit": -1,
    "recycle": 10_000,
    "max_rss": 400_000,
    "poll": 0.2,
    "guard_cycle": 0.5,
    "scheduler": False,
    "label": _("Background tasks"),
}
Q_CLUSTER["queue_limit"] = Q_CLUSTER["workers"]
WORKER_HEART = env.str("WORKER_HEART", default="")  # what a cluster's ticks stamp; its watch names it
if BROKER_URL:
    Q_CLUSTER["broker_class"] = "campaigns.queues.RedisQueue"
    # A broker that drops packets must not hang the page that rings it; the URL's own values win.
    joint = "&" if "?" in BROKER_URL else "?"
    Q_CLUSTER["redis"] = (
        BROKER_URL if "timeout" in BROKER_URL else f"{BROKER_URL}{joint}socket_connect_timeout=3&socket_timeout=10"
    )
else:
    Q_CLUSTER["broker_class"] = "campaigns.queues.DatabaseQueue"
    Q_CLUSTER["orm"] = "default"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "redact": {"()": "project.logs.RedactWebhookTokens"},
        "health": {"()": "project.logs.DropHealthChecks"},
    },
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["redact", "health"]}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    # A task's arguments are ids, but its log line at INFO for every tick would drown the rest.
    "loggers": {
        "django": {"propagate": True},  # without the handlers of its own, which know no filter
        "django-q": {"handlers": ["console"], "level": "WARNING", "propagate": False},
    },
}
