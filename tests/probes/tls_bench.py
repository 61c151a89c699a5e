"""Certificates of a test's own authority, and the smallest HTTP/2 server that can be."""

from __future__ import annotations

import ssl
from datetime import datetime
from pathlib import Path

import trustme

from tests.probes.http_bench import Connection

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class Authority:
    """`ca_file` is what an engine trusts."""

    def __init__(self, folder: Path) -> None:
        self.ca = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self.ca.cert_pem.write_to_path(self.ca_file)

    def server(
        self,
        *names: str,
        not_after: datetime | None = None,
        alpn: tuple[str, ...] = (),
        wants_client: bool = False,
        version: ssl.TLSVersion | None = None,
    ) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if version is not None:
            context.minimum_version = context.maximum_version = version
        self.ca.issue_cert(*names, not_after=not_after).configure_cert(context)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        if wants_client:
            context.verify_mode = ssl.CERT_REQUIRED
            self.ca.configure_trust(context)
        return context

    def client(self) -> tuple[str, str]:
        """(certificate, key) as PEM."""
        issued = self.ca.issue_cert("client@example.test")
        return b"".join(
            part.bytes() for part in issued.cert_chain_pems
        ).decode(), issued.private_key_pem.bytes().decode()


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + payload


async def http2(connection: Connection) -> None:
    """Answers one request on stream 1 with `:status 200` and the body `two`."""
    reader, writer = connection.reader, connection.writer
    assert await reader.readexactly(len(PREFACE)) == PREFACE
    writer.write(_frame(4, 0, 0))
    while True:
        head = await reader.readexactly(9)
        await reader.readexactly(int.from_bytes(head[:3]))
        if head[3] == 1:
            break
    # 0x88 is ":status: 200" in HPACK's static table.
    writer.write(_frame(4, 1, 0) + _frame(1, 4, 1, b"\x88") + _frame(0, 1, 1, b"two"))
    await writer.drain()
    await reader.read()


async def http2_breaks_off(connection: Connection) -> None:
    """Answers with RST_STREAM."""
    reader, writer = connection.reader, connection.writer
    await reader.readexactly(len(PREFACE))
    writer.write(_frame(4, 0, 0))
    await reader.readexactly(9)
    writer.write(_frame(4, 1, 0) + _frame(3, 0, 1, (2).to_bytes(4)))
    await writer.drain()
    await reader.read()
