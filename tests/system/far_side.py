"""What a probe on an island (tests/system/island.py) finds beyond the cable: a name server and healthy web servers.
`python -m tests.system.far_side ADDRESS NAME=ADDRESS ...`: the name server listens at the first, on port 53."""

from __future__ import annotations

import socketserver
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import dns.message

from tests.egress.dns_server import reply


class _Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        """Quiet."""


def main() -> None:
    address, *names = sys.argv[1:]
    zone = dict(name.split("=") for name in names)

    class Names(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            data, there = self.request
            query = dns.message.from_wire(data)
            name, kind = query.question[0].name.to_text().rstrip("."), query.question[0].rdtype
            found: Any = [f"{name}. 0 IN A {zone[name]}"] if name in zone and kind == 1 else []
            there.sendto(reply(query, *found, rcode=0 if name in zone or not name else 3), self.client_address)

    for each in zone.values():
        server = ThreadingHTTPServer((each, 80), _Healthy)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    with socketserver.ThreadingUDPServer((address, 53), Names) as names_server:
        print("ready", flush=True)
        names_server.serve_forever()


if __name__ == "__main__":
    main()
