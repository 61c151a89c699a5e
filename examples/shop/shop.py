"""A shop with one page and one bug: no price is known of the book that everybody wants, so its checkout answers 500.

    python examples/shop/shop.py [PORT]        8090 unless said otherwise, on loopback

It is what the demo agent and the journey in examples/shop/tracer.yaml fail at; see docs/how-to/agents.md.
"""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PRICES = {
    "emma": 9,
}
PAGE = (
    "<!doctype html><title>Shop</title><h1>Books</h1>"
    "<form method=post action=/checkout><button>Buy Dune</button></form>"
)


def price_of(book: str) -> int:
    return PRICES[book]


class Shop(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.answer(200, PAGE)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            self.answer(200, f"<!doctype html><title>Shop</title><h1>Thank you: {price_of('dune')} coins</h1>")
        except KeyError as error:
            self.answer(500, f"no price of {error}", "text/plain")

    def answer(self, status: int, text: str, content_type: str = "text/html") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{content_type}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8090
    with ThreadingHTTPServer(("127.0.0.1", port), Shop) as server:
        print(f"The shop is open at http://127.0.0.1:{port}/", flush=True)
        server.serve_forever()
