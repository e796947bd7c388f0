"""The sandbox is fast enough to measure our own sending against it."""

from __future__ import annotations

import http.client
import json
import time
from concurrent.futures import ThreadPoolExecutor

from providers.sandbox import running_sandbox
from providers.sandbox.ledger import Behaviour

CONNECTIONS, EACH = 24, 25
HEADERS = {"api-access-key": "key", "Content-Type": "application/json"}


def keep_sending(port: int, place: int) -> int:
    """Requests one after the other on one connection; how many were answered with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    good = 0
    for number in range(EACH):
        sent = {
            "request_id": f"{place}-{number}",
            "bot_id": 5,
            "phone_number": f"98912{place:03d}{number:04d}",
            "message_data": {"message": {"text": "سلام"}},
        }
        connection.request("POST", "/api/v3/send_message", json.dumps(sent), HEADERS)
        with connection.getresponse() as answer:
            good += answer.status == 200
            answer.read()
    connection.close()
    return good


def test_four_hundred_requests_a_second_take_less_than_half_a_core() -> None:
    with running_sandbox(behaviour=Behaviour(latency=0.05)) as sandbox, ThreadPoolExecutor(CONNECTIONS) as pool:
        begun, used = time.monotonic(), time.process_time()
        good = sum(pool.map(lambda place: keep_sending(sandbox.port, place), range(CONNECTIONS)))
        seconds, used = time.monotonic() - begun, time.process_time() - used
        assert (good, sandbox.ledger.counters["messages"]) == (CONNECTIONS * EACH, CONNECTIONS * EACH)
    assert seconds >= EACH * 0.05  # the latency is kept
    assert used / good < 0.5 / 400  # with the client of this test in it
