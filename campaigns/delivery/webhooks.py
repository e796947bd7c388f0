"""The providers' webhooks: find the account, check the token, read, store, answer. Nothing is applied here.

Some providers call once and never again, so 2xx is answered only when the event is stored: in the database, or, while
that is away or slow, in a synced spool file that ``sweep`` stores later; where that fails too the answer is 503.
``ShortPath`` takes these calls in front of Django's handler, whose middleware cost several times what storing does.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import fcntl
import json
import logging
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from campaigns.delivery import events, taking
from campaigns.delivery.events import Reported
from campaigns.delivery.spool import Spool
from campaigns.delivery.taking import Busy, UnknownToken
from campaigns.models import DeliveryEvent
from providers.base import MalformedWebhook, WebhookCall

logger = logging.getLogger(__name__)
spool = Spool("webhooks")

ADDRESS = re.compile(r"/webhooks/([0-9]{1,18})/([^/]+)/")
RESERVE = 128 << 20  # bytes of the disk that are left to the answers of sends
SWEPT_AT_ONCE = 500  # files


class Answer(NamedTuple):
    """What a call gets: the HTTP status, and the JSON with it."""

    status: int
    content: dict[str, Any]


TOO_LARGE = Answer(413, {"error": "too_large"})
MALFORMED = Answer(400, {"error": "malformed"})


@csrf_exempt
@login_not_required
def webhook(request: HttpRequest, account_id: int, token: str) -> HttpResponse:
    """``receive`` as a view, for servers that don't go through ``ShortPath``."""
    status, content = receive(request.META, account_id, token)
    return JsonResponse(content, status=status, headers=_allowed(status))


class Sweeper:
    """A thread of a web process that sweeps the spool until it is empty: no worker may run on this machine."""

    every = 2.0  # seconds

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs = False

    def begin(self) -> None:
        """Start, unless it runs."""
        with self._lock:
            if not self._runs:
                self._runs = True
                threading.Thread(target=self._run, name="webhooks", daemon=True).start()

    def _run(self) -> None:
        while not self._ended():
            time.sleep(self.every)
            try:
                sweep()
            except Exception as error:  # noqa: BLE001 - whatever it is, the calls still wait and the next try may do
                logger.error("The webhooks' spool could not be swept (%s)", type(error).__name__)
            finally:
                connection.close()

    def _ended(self) -> bool:
        with self._lock:  # a call that is spooled from here on begins anew
            self._runs = bool(spool.names())
            return not self._runs


class ShortPath:
    """A WSGI application that answers the webhooks' addresses itself and leaves all others to ``rest``."""

    def __init__(self, rest: Callable[..., Iterable[bytes]]) -> None:
        self.rest = rest
        self.sweeper = Sweeper()
        self.sweeper.begin()  # what an earlier process has left

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        address = ADDRESS.fullmatch(environ.get("PATH_INFO", ""))
        if address is None:
            return self.rest(environ, start_response)
        status, content = receive(environ, int(address[1]), address[2])
        if "spooled" in content:
            self.sweeper.begin()
        if status >= HTTPStatus.BAD_REQUEST:
            logger.warning("Account %s: a webhook was answered with %s %s", address[1], status, content["error"])
        body = json.dumps(content).encode()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **_allowed(status)}
        start_response(f"{status} {HTTPStatus(status).phrase}", list(headers.items()))
        return [body]


def _allowed(status: int) -> dict[str, str]:
    return {"Allow": "GET, POST"} if status == HTTPStatus.METHOD_NOT_ALLOWED else {}


def receive(environ: Mapping[str, Any], account_id: int, token: str) -> Answer:
    """Take one call of a provider, as WSGI describes it.

    200 stored, 400 unreadable, 404 unknown address, 405 neither GET nor POST, 413 too large, 503 not stored.
    """
    if environ["REQUEST_METHOD"] not in ("GET", "POST"):
        return Answer(405, {"error": "method"})
    try:
        length = int(environ.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return Answer(400, {"error": "bad_length"})
    if length > settings.WEBHOOK_MAX_BYTES:
        return TOO_LARGE
    try:
        body = _body(environ, length)
        call = WebhookCall(environ["REQUEST_METHOD"], _query(environ), environ.get("CONTENT_TYPE", ""), body)
    except (OSError, MalformedWebhook):  # an OSError: the caller went away
        return MALFORMED
    if len(body) > settings.WEBHOOK_MAX_BYTES:
        return TOO_LARGE
    if len(body) < length:  # half of "status=10" reads as another status
        return MALFORMED
    return _store(account_id, token, call)


def _body(environ: Mapping[str, Any], length: int) -> bytes:
    """The body, at most a byte more than allowed. One that comes in chunks has no length.

    Raises:
        MalformedWebhook: what comes is not in chunks as it says.
        OSError: the connection broke.
    """
    limit = settings.WEBHOOK_MAX_BYTES + 1
    if not environ.get("CONTENT_LENGTH"):
        length = limit if environ.get("wsgi.input_terminated") else 0
    try:
        body: bytes = environ["wsgi.input"].read(length) if length > 0 else b""
    except OSError:
        raise
    except Exception as error:  # the server's own classes, which no other server has
        raise MalformedWebhook from error
    return body


def _query(environ: Mapping[str, Any]) -> dict[str, list[str]]:
    query: str = environ.get("QUERY_STRING", "")
    try:
        decoded = query.encode("latin-1").decode(errors="replace")  # WSGI hands out bytes as if they were Latin 1
        return parse_qs(decoded, keep_blank_values=True, max_num_fields=50) if query else {}
    except ValueError:
        raise MalformedWebhook("unreadable") from None


def _store(account_id: int, token: str, call: WebhookCall) -> Answer:
    """In the database; on disk where that is away or does not get done."""
    try:
        return Answer(200, {"stored": taking.desk.take(account_id, token, call)})
    except UnknownToken:
        return Answer(404, {"error": "unknown"})
    except MalformedWebhook:
        return MALFORMED
    except (Busy, DatabaseError, InterfaceError):
        return store_on_disk(account_id, token, call)


def store_on_disk(account_id: int, token: str, call: WebhookCall) -> Answer:
    """Into the spool, with the token that nobody has checked: ``sweep`` does. 503 where the disk has no room."""
    facts = {
        "account": account_id,
        "token": token,
        "method": call.method,
        "query": dict(call.query),
        "content_type": call.content_type,
        "body": base64.b64encode(call.body).decode(),
        "at": time.time(),
    }
    try:
        if shutil.disk_usage(spool.folder).free < RESERVE:
            raise OSError("the rest of the disk is for the answers of sends")
        spool.write(json.dumps(facts).encode(), spool.name_of_now())
    except OSError:
        logger.exception("A webhook could be stored neither in the database nor on disk")
        return Answer(503, {"error": "not_stored"})
    return Answer(200, {"spooled": 1})


def sweep(seconds: float = 2.0) -> int:
    """Store what is spooled, for about ``seconds``; returns how many calls were read. Repeats are harmless.

    One process of a machine does it at a time; the others return at once.
    """
    end, swept = time.monotonic() + seconds, 0
    with _alone() as alone, contextlib.suppress(OperationalError, InterfaceError):
        folder, names = spool.folder, spool.names() if alone else []
        for start in range(0, len(names), SWEPT_AT_ONCE):
            swept += _sweep([folder / name for name in names[start : start + SWEPT_AT_ONCE]])
            if time.monotonic() > end:
                break
    return swept


@contextlib.contextmanager
def _alone() -> Iterator[bool]:
    with (spool.folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _sweep(paths: Sequence[Path]) -> int:
    """Store these calls together and remove their files; how many could be read."""
    read: list[Path] = []
    reported: list[Reported] = []
    for path in paths:
        try:
            reported.append(_reported(path))
        except FileNotFoundError:
            continue  # another machine, which has the same disk, has stored and removed it
        except (ValueError, KeyError, TypeError):
            logger.error("A file in the webhooks' spool is not readable: %s", path.name)
            spool.set_aside(path)
            continue
        except (UnknownToken, MalformedWebhook) as error:
            logger.warning("A spooled webhook was dropped: %s", type(error).__name__)
        read.append(path)
    try:
        events.store_all(reported, DeliveryEvent.Source.WEBHOOK)
    except (DataError, IntegrityError) as error:  # one of them; the others must not wait behind it for ever
        if len(paths) > 1:
            return sum(_sweep([path]) for path in read)
        logger.error("A file in the webhooks' spool is not readable: %s (%s)", paths[0].name, type(error).__name__)
        spool.set_aside(paths[0])
        return 0
    for path in read:
        path.unlink(missing_ok=True)
    return len(read)


def _reported(path: Path) -> Reported:
    facts = json.loads(path.read_bytes())
    call = WebhookCall(facts["method"], facts["query"], facts["content_type"], base64.b64decode(facts["body"]))
    at = dt.datetime.fromtimestamp(facts["at"], dt.UTC) if "at" in facts else timezone.now()
    return Reported(facts["account"], taking.reports(facts["account"], facts["token"], call), at)
