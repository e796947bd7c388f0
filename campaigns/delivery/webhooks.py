"""The providers' webhooks: find the account, check the token, read, store, answer. Nothing is applied here.

Some providers call once and never again, so 2xx is answered only when the event is stored: in the database, or, while
that is away, in a synced spool file that ``sweep`` stores later; where that fails too the answer is 503.
"""

from __future__ import annotations

import base64
import json
import logging
import secrets

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from campaigns.delivery import events
from campaigns.delivery.spool import Spool
from campaigns.models import DeliveryEvent
from providers import registry
from providers.base import MalformedWebhook, WebhookCall
from providers.models import ProviderAccount

logger = logging.getLogger(__name__)
spool = Spool("webhooks")


class UnknownToken(Exception):
    """No account has this webhook address."""


@csrf_exempt
@login_not_required
@require_http_methods(["GET", "POST"])
def webhook(request: HttpRequest, account_id: int, token: str) -> HttpResponse:
    """Take one call of a provider: 200 stored, 400 unreadable, 404 unknown address, 413 too large, 503 not stored."""
    try:
        length = int(request.headers.get("Content-Length") or 0)
    except ValueError:
        return JsonResponse({"error": "bad_length"}, status=400)
    if length > settings.WEBHOOK_MAX_BYTES:
        return JsonResponse({"error": "too_large"}, status=413)
    try:
        body = _body(request)
    except (OSError, MalformedWebhook):  # the caller went away
        return JsonResponse({"error": "malformed"}, status=400)
    if len(body) > settings.WEBHOOK_MAX_BYTES:
        return JsonResponse({"error": "too_large"}, status=413)
    if len(body) < length:  # half of "status=10" reads as another status
        return JsonResponse({"error": "malformed"}, status=400)
    query = {key: request.GET.getlist(key) for key in request.GET}
    call = WebhookCall(request.method or "", query, request.headers.get("Content-Type", ""), body)
    try:
        return JsonResponse({"stored": take(account_id, token, call)})
    except UnknownToken:
        return JsonResponse({"error": "unknown"}, status=404)
    except MalformedWebhook:
        return JsonResponse({"error": "malformed"}, status=400)
    except (OperationalError, InterfaceError):
        return _store_on_disk(account_id, token, call)


def _body(request: HttpRequest) -> bytes:
    """The body, at most a byte more than allowed. One that comes in chunks has no length, and Django reads none of it.

    Raises:
        MalformedWebhook: what comes is not in chunks as it says.
        OSError: the connection broke.
    """
    limit, environ = settings.WEBHOOK_MAX_BYTES + 1, request.META
    if environ.get("CONTENT_LENGTH") or not environ.get("wsgi.input_terminated"):
        return request.read(limit)
    try:
        body: bytes = environ["wsgi.input"].read(limit)
    except OSError:
        raise
    except Exception as error:  # the server's own classes, which no other server has
        raise MalformedWebhook from error
    return body


def take(account_id: int, token: str, call: WebhookCall) -> int:
    """Store the reports of a call to an account's webhook; returns how many.

    Raises:
        UnknownToken: there is no such account, or the token is not its own (compared in constant time).
        MalformedWebhook: the content cannot be read.
        OperationalError, InterfaceError: the database is away.
    """
    account = ProviderAccount.objects.filter(pk=account_id).first()
    expected = account.webhook_token if account else secrets.token_urlsafe(32)
    if not secrets.compare_digest(expected.encode(), token.encode()) or account is None:
        raise UnknownToken
    reports = registry.provider_class(account.slug)("", {}).parse_webhook(call)
    return events.store(account.pk, reports, DeliveryEvent.Source.WEBHOOK)


def _store_on_disk(account_id: int, token: str, call: WebhookCall) -> HttpResponse:
    facts = {
        "account": account_id,
        "token": token,
        "method": call.method,
        "query": dict(call.query),
        "content_type": call.content_type,
        "body": base64.b64encode(call.body).decode(),
    }
    try:
        spool.write(json.dumps(facts).encode())
    except OSError:
        logger.exception("A webhook could be stored neither in the database nor on disk")
        return JsonResponse({"error": "not_stored"}, status=503)
    return JsonResponse({"stored": 1})


def sweep() -> int:
    """Store what was spooled while the database was away; returns how many calls were read. Repeats are harmless."""
    swept = 0
    for path in spool.files():
        try:
            facts = json.loads(path.read_bytes())
            body = base64.b64decode(facts["body"])
            call = WebhookCall(facts["method"], facts["query"], facts["content_type"], body)
            take(facts["account"], facts["token"], call)
        except FileNotFoundError:
            continue  # another process has stored and removed it
        except (OperationalError, InterfaceError):
            return swept
        except (ValueError, KeyError, TypeError):
            logger.error("A file in the webhooks' spool is not readable: %s", path.name)
            spool.set_aside(path)
            continue
        except (UnknownToken, MalformedWebhook, DatabaseError) as error:
            logger.warning("A spooled webhook was dropped: %s", type(error).__name__)
        path.unlink(missing_ok=True)
        swept += 1
    return swept
