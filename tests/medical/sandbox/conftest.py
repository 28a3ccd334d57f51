"""A server that answers as it is told, and remembers what it was sent."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from yikatong.medical.sandbox.client import Account, Hospital

Reply = tuple[int, Any] | None
"""HTTP status and answer; None: the connection is closed without one."""

ACCOUNTS = {
    scheme: Account(
        f"H5101120000{at}", "成都第一人民医院", "510112", scheme, f"key-{scheme}", "s€cret"
    )
    for at, scheme in enumerate("AB", 1)
}


def done(output: Any) -> Reply:
    return 200, {"infcode": 0, "err_msg": "", "output": output}


def refused(text: str) -> Reply:
    return 200, {"infcode": -1, "err_msg": text, "output": None}


class FakePlatform:
    """What it answers next, and what it was sent."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.url = ""

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.received]

    def hospital(self, scheme: str = "A", **more: Any) -> Hospital:
        return Hospital(self.url, ACCOUNTS[scheme], pause_seconds=0, seconds_max=5, **more)


@pytest.fixture
def fake() -> Iterator[FakePlatform]:
    told = FakePlatform()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            told.received.append((headers, body))
            reply = told.replies.pop(0)
            if reply is None:
                self.close_connection = True
                return
            status, answer = reply
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_port}"
    yield told
    server.shutdown()
    server.server_close()
