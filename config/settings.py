"""Django's settings, derived from `config.env`."""

import tomllib
from email.utils import parseaddr
from urllib.parse import unquote, urlsplit

from django.contrib.messages import constants as messages

from config.env import BASE_DIR, build_database_settings, read_env, read_or_default
from config.file_permissions import restrict_new_files

restrict_new_files()  # every process imports this; the next line already creates files
ENV = read_env()
MISTAKES = list(ENV.mistakes)  # settings that could not be read; `config.system_checks` reports them
DATA_DIR = ENV.data_dir
SECRET_KEY = ENV.secret_key
SECRET_KEY_FALLBACKS = list(ENV.secret_key_fallbacks)
# The keys of encrypted columns are derived from SECRET_KEY and this salt, which only separates this use of SECRET_KEY
# from others. It is a constant, because several machines share nothing but SECRET_KEY.
SALT_KEY = "footfall encrypted columns"
DEBUG = ENV.debug
ALLOWED_HOSTS = list(ENV.allowed_hosts)
BASE_URL = ENV.base_url
HOST = ENV.host
PORT = ENV.port
SECURE = BASE_URL.startswith("https://")
CSRF_TRUSTED_ORIGINS = [BASE_URL]

INSTALLED_APPS = [
    "accounts",
    "accounts.audit",
    "accounts.clients",
    "accounts.exports",
    "accounts.notices",
    "accounts.operations",
    "accounts.plans",
    "accounts.sso",
    "accounts.white_label",
    "sites",
    "sites.alerts",
    "sites.uptime",
    "tracking",
    "goals",
    "reports",
    "reports.incident_costs",
    "reports.annotations",
    "reports.sharing",
    "reports.digests",
    "reports.onsite",
    "links",
    "config.apps.ConfigConfig",
    "rest_framework",
    "drf_spectacular",
    "django_htmx",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.github",
    "allauth.socialaccount.providers.google",
    "allauth.socialaccount.providers.microsoft",
    "accounts.sign_in.apps.SessionsConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
]
MIDDLEWARE = [
    "links.middleware.LinksMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.gzip.GZipMiddleware",  # before WhiteNoise, so that scripts and the map are compressed too
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.HttpMiddleware",  # before all that read a body
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.actor_middleware.ActorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "config.middleware.ViewMiddleware",
]
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.branding.add_brand",
                "accounts.changelog.add_news",
                "accounts.notices.selectors.add_unread_count",
                "accounts.plans.banner.add_usage_warnings",
                "tracking.geo.add_geography",
            ],
            "libraries": {
                "clients_access": "reports.agency.navigation",
                "links_access": "links.web.page_layout",
                "script_modules": "config.serving.static_files",
                "show": "reports.formatting",
                "sites_access": "sites.selectors",
                "widget_access": "reports.onsite.access",
            },
        },
    }
]

# Ends of the classes of notices in static/css/components.css
MESSAGE_TAGS = {messages.INFO: "", messages.SUCCESS: "good", messages.WARNING: "warn", messages.ERROR: "bad"}

FALLBACK_DATABASE = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}  # until DATABASE_URL is corrected
DATABASES = {
    "default": read_or_default(
        "DATABASE_URL",
        lambda: build_database_settings(ENV.database_url, DATA_DIR),
        dict[str, object](FALLBACK_DATABASE),
        MISTAKES,
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.User"
PASSWORD_HASHERS = ["accounts.security.hashers.Argon2Hasher", "accounts.security.hashers.PBKDF2Hasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "account_login"
SESSION_COOKIE_AGE = 365 * 86_400  # of the cookie; the session itself ends when it is not used for SESSION_IDLE_DAYS
SESSION_IDLE_DAYS = ENV.session_idle_days
SESSION_ENGINE = "accounts.security.sessions"
PASSWORD_RESET_TIMEOUT = 3600
LOGIN_REDIRECT_URL = "/"
SIGN_UP = ENV.sign_up  # unless an operator chose otherwise: `accounts.selectors.get_sign_up`
INVITATION_DAYS = ENV.invitation_days
# Sign-in by django-allauth; `accounts.sign_in` has our adapter, forms and views
ACCOUNT_ADAPTER = "accounts.sign_in.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_CHANGE_EMAIL = True  # a user has one address; a new one replaces it once it is verified
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # strangers get no mail because somebody typed their address
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_LOGIN_ON_PASSWORD_RESET = True
ACCOUNT_LOGOUT_REDIRECT_URL = LOGIN_URL
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "accounts.security.password_login.ResetTokenGenerator"  # noqa: S105
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_METHODS = ["password", "mfa"]
ACCOUNT_SESSION_REMEMBER = True
MFA_ADAPTER = "accounts.sign_in.second_factors.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_PASSKEY_SIGNUP_ENABLED = True
MFA_TOTP_TOLERANCE = 1  # steps of 30 seconds by which a clock may be wrong
MFA_RECOVERY_CODES_SHOW_ONCE = True
SOCIALACCOUNT_ADAPTER = "accounts.sign_in.social_adapter.SocialAdapter"
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True  # whom the adapter finds by a verified address
SOCIALACCOUNT_PROVIDERS = {
    "github": {"SCOPE": ["read:user", "user:email"], "OAUTH_PKCE_ENABLED": True},
    "google": {"SCOPE": ["openid", "profile", "email"], "OAUTH_PKCE_ENABLED": True},
    "microsoft": {"SCOPE": ["User.Read"], "OAUTH_PKCE_ENABLED": True},
}
SOCIAL_LOGINS = ENV.social_logins
# These have limits of ours (`accounts.security.rate_limits`)
ACCOUNT_RATE_LIMITS = {"login": None, "reset_password": None, "change_password": None}
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
# Browsers accept cookies with the prefix __Host- only from this very host and over https
SESSION_COOKIE_NAME = "__Host-sessionid" if SECURE else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if SECURE else "csrftoken"
SECURE_HSTS_SECONDS = 31536000 if SECURE else 0
# `includeSubDomains` is added only on the host of BASE_URL, since other hosts belong to accounts
HSTS = f"max-age={SECURE_HSTS_SECONDS}"
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W008"]  # `config.middleware` does both, depending on the host
X_FRAME_OPTIONS = "DENY"
DEFAULT_EXCEPTION_REPORTER_FILTER = "config.serving.error_responses.ExceptionFilter"
MAX_BODY_BYTES = 2_621_440  # of a request; `config.serving.body_limits` answers 413 for more
MAX_IMPORT_BYTES = 6 * 1024 * 1024  # where a file is imported
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES
FILE_UPLOAD_MAX_MEMORY_SIZE = MAX_IMPORT_BYTES  # so that no body is ever written to disk

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = True

FILE_UPLOAD_PERMISSIONS, FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o600, 0o700
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "config.serving.static_files.VersionedStorage"},
}


def build_cache_settings(redis_url: str, name: str, max_entries: int) -> dict[str, object]:
    """Build the settings of a cache: in Redis if there is one, else (and while Redis is down) in this process."""
    if redis_url:
        options = {"FALLBACK": name, "MAX_ENTRIES": max_entries}
        return {"BACKEND": "config.outages.FallbackRedisCache", "LOCATION": redis_url, "OPTIONS": options}
    return {"BACKEND": "config.outages.MemoryCache", "LOCATION": name, "OPTIONS": {"MAX_ENTRIES": max_entries}}


# What comes with every request has a cache of its own, so that a flood of requests cannot evict what limits attempts
CACHES = {
    "default": build_cache_settings(ENV.redis_url, "default", 100_000),  # allauth's limits, and codes that were used
    "throttles": build_cache_settings(ENV.redis_url, "throttles", 100_000),  # `accounts.security.rate_limits`: attempts
    "audit": build_cache_settings(ENV.redis_url, "audit", 100_000),  # `accounts.audit.repetition`
    "requests": build_cache_settings(ENV.redis_url, "requests", 100_000),  # counters of requests, sessions in use
}

EVENTS_URL = ENV.events_url
REDIS_URL = ENV.redis_url
QUERY_LIMITS = ENV.query_limits
ACCOUNT_LIMITS = ENV.account_limits
TRUSTED_PROXIES = ENV.trusted_proxies
GEOIP_CITY = ENV.geoip_city
GEOIP_ASN = ENV.geoip_asn
LINK_DOMAIN = ENV.link_domain
CLICKMETER_HOSTS = ENV.clickmeter_hosts
DNS_SERVERS = ENV.dns_servers
CUSTOM_HOST_TARGET = ENV.custom_host_target
MAIL_SPF, MAIL_DKIM = ENV.mail_spf, ENV.mail_dkim
SPOOL_DIR = DATA_DIR / "spool"
# Set by `manage.py serve --workers` in its workers: where the store's process answers them
STATE_SOCKET = REQUEST_SOCKET = ""


def build_email_settings(url: str) -> dict[str, object]:
    """Build Django's settings from EMAIL_URL: `smtp://user:pw@host:587`, `smtps://…`, empty = files in DATA_DIR."""
    if not url:
        return {
            "EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
            "EMAIL_FILE_PATH": DATA_DIR / "mail",
        }
    parts = urlsplit(url)
    return {
        "EMAIL_HOST": parts.hostname or "localhost",
        "EMAIL_TIMEOUT": 20,  # seconds: a mail server that hangs must not delay other messages
        "EMAIL_PORT": parts.port or (465 if parts.scheme == "smtps" else 25),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": parts.scheme == "smtps",
        "EMAIL_USE_TLS": parts.scheme == "smtp" and parts.port == 587,
    }


globals().update(
    read_or_default("EMAIL_URL", lambda: build_email_settings(ENV.email_url), build_email_settings(""), MISTAKES)
)
BASE_HOST = read_or_default("BASE_URL", lambda: urlsplit(BASE_URL).hostname, None, MISTAKES) or "localhost"
DEFAULT_FROM_EMAIL = parseaddr(f"Footfall <footfall@{BASE_HOST}>")[1]
# Where mails in the name of a white label return that cannot be delivered; recipients can read it, so it names nobody
BOUNCE_ADDRESS = f"noreply@{BASE_HOST}"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "UNAUTHENTICATED_USER": None,
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
VERSION = tomllib.loads((BASE_DIR / "pyproject.toml").read_text())["project"]["version"]
SPECTACULAR_SETTINGS = {
    "TITLE": "Web analytics",
    "DESCRIPTION": "Statistics and events of one site, by its key. Below /api/v1/: management.",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "PREPROCESSING_HOOKS": ["reports.openapi.select_public_endpoints"],
    "ENUM_NAME_OVERRIDES": {
        "FrequencyEnum": "reports.digests.models.Frequency.choices",
        "NoticeWay": "accounts.notices.models.NoticeWay.choices",
        "NoticeWayWithoutMail": "accounts.notices.models.WAYS_WITHOUT_MAIL",
    },
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "django.server": {"level": "WARNING"},
        **{name: {"level": "WARNING"} for name in ("httpx", "celery", "uvicorn")},
        # Of connections that fail; whoever uses them raises or logs the error, once an outage instead of at each try
        **{name: {"level": "ERROR"} for name in ("kombu", "urllib3.connectionpool", "clickhouse_connect")},
    },
}
