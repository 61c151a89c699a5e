"""Servers that mean harm: every attempt ends in time, with a code that says what happened, and little memory."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import resource
import socket
import struct
import time
import zlib

import pytest

from probes.http import handle
from tests.probes.http_bench import OK, Answerer, Connection, answering, bench, run, serving
from tests.security.tally import Tally

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def repeating(head: bytes, part: bytes, times: int) -> Answerer:
    async def answer(connection: Connection) -> None:
        await connection.read_request()
        connection.writer.write(head)
        for _ in range(times):
            connection.writer.write(part)
            await connection.writer.drain()

    return answer


def then_silence(*parts: bytes, read: bool = True) -> Answerer:
    async def answer(connection: Connection) -> None:
        if read:
            await connection.read_request()
        for part in parts:
            connection.writer.write(part)
            await connection.writer.drain()
        await connection.reader.read()

    return answer


def trickle(head: bytes, part: bytes, every_s: float) -> Answerer:
    async def answer(connection: Connection) -> None:
        await connection.read_request()
        connection.writer.write(head)
        while not connection.writer.is_closing():
            connection.writer.write(part)
            await connection.writer.drain()
            await asyncio.sleep(every_s)

    return answer


async def reset(connection: Connection) -> None:
    """RST in the middle of the body."""
    await connection.read_request()
    connection.writer.write(HEAD + b"Content-Length: 100\r\n\r\nhalf")
    await connection.writer.drain()
    raw: socket.socket = connection.writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.writer.transport.abort()


def gzip_bomb(mebibytes: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = bytes(2**20)
    return b"".join(packer.compress(zeros) for _ in range(mebibytes)) + packer.flush()


def encoded(body: bytes, *encodings: str, status: bytes = b"200 OK") -> bytes:
    head = f"Content-Encoding: {', '.join(encodings)}\r\nContent-Length: {len(body)}\r\n\r\n"
    return b"HTTP/1.1 " + status + b"\r\n" + head.encode() + body


def nested(depth: int) -> bytes:
    body = b"ok"
    for _ in range(depth):
        body = gzip.compress(body)
    return encoded(body, *["gzip"] * depth)


ATTACK = "answering to do harm"
ENDS_AT_ONCE: dict[str, tuple[Answerer, str]] = {
    "gzip bomb": (answering(encoded(gzip_bomb(200), "gzip")), "body_too_large"),
    "gzip bomb in a gzip": (answering(encoded(gzip.compress(gzip_bomb(200)), "gzip", "gzip")), "body_too_large"),
    "gzip bomb on a 401": (answering(encoded(gzip_bomb(100), "gzip", status=b"401 No")), "body_too_large"),
    "deflate bomb": (answering(encoded(zlib.compress(bytes(50 * 2**20), 9), "deflate")), "body_too_large"),
    "fifty encodings": (answering(nested(50)), "protocol_error"),
    "not gzip at all": (answering(encoded(b"plain text", "gzip")), "protocol_error"),
    "unknown encoding": (answering(encoded(b"x", "no-such-thing")), "protocol_error"),
    "endless chunks": (repeating(CHUNKED, b"10000\r\n" + bytes(65_536) + b"\r\n", 400), "body_too_large"),
    "endless body": (repeating(HEAD + b"\r\n", bytes(65_536), 400), "body_too_large"),
    "length too long": (answering(HEAD + b"Content-Length: 100\r\n\r\nhalf"), "protocol_error"),
    "length negative": (answering(HEAD + b"Content-Length: -1\r\n\r\nx"), "protocol_error"),
    "two lengths": (answering(HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxy"), "protocol_error"),
    "chunk size nonsense": (answering(CHUNKED + b"zz\r\nx\r\n"), "protocol_error"),
    "chunk size too long": (answering(CHUNKED + b"f" * 40 + b"\r\nx\r\n"), "protocol_error"),
    "a million headers": (repeating(HEAD, b"A: b\r\n" * 1_000, 1_000), "protocol_error"),
    "ten megabytes of header": (repeating(HEAD + b"A: ", b"x" * 65_536, 160), "protocol_error"),
    "ten megabytes of status": (repeating(b"HTTP/1.1 200 ", b"x" * 65_536, 160), "protocol_error"),
    "a hundred thousand cookies": (repeating(HEAD, b"Set-Cookie: a=b\r\n" * 1_000, 100), "protocol_error"),
    "endless 1xx": (repeating(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100, 1_000), "protocol_error"),
    "a name without a colon": (answering(HEAD + b"no colon here\r\n\r\n"), "protocol_error"),
    "NUL in a header": (answering(HEAD + b"A: b\x00c\r\n\r\n"), "protocol_error"),
    "HTTP/0.9": (answering(b"<html>hello</html>"), "protocol_error"),
    "garbage": (answering(bytes(range(256)) * 100), "protocol_error"),
    "another protocol": (answering(b"SSH-2.0-OpenSSH_9.2\r\n"), "protocol_error"),
    "nothing": (answering(b""), "protocol_error"),
    "half a status line": (answering(b"HTTP/1.1 2"), "protocol_error"),
    "reset": (reset, "protocol_error"),
}
NEVER_ENDS: dict[str, Answerer] = {
    "silence after accepting": then_silence(read=False),
    "silence after the request": then_silence(),
    "silence in the headers": then_silence(HEAD + b"A: b\r\n"),
    "silence in the body": then_silence(HEAD + b"Content-Length: 100\r\n\r\nhalf"),
    "silence before the last chunk": then_silence(CHUNKED + b"1\r\nx\r\n"),
    "a byte of header now and then": trickle(HEAD, b"A: b\r\n", 0.02),
    "a byte of body now and then": trickle(HEAD + b"Content-Length: 1000000\r\n\r\n", b"x", 0.02),
    "a tiny chunk now and then": trickle(CHUNKED, b"1\r\nx\r\n", 0.02),
    "1xx now and then": trickle(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", 0.02),
}


@pytest.mark.parametrize("name", ENDS_AT_ONCE)
def test_a_hostile_answer_ends_at_once_with_its_code(name: str, tally: Tally) -> None:
    answer, code = ENDS_AT_ONCE[name]

    async def work() -> None:
        async with bench() as b, serving(answer) as server:
            outcome = await b.url(server.url(), within_s=20, assertions=[{"type": "body", "operator": "exists"}])
            assert outcome.error is not None, outcome
            assert outcome.error.code == code, outcome.error
            assert outcome.status == "failed"
            assert len(repr(outcome)) < 40_000
            assert (await b.url(server.url(), within_s=20)).error is not None  # the pooled handle is as good as new

    run(work())
    tally.add(ATTACK, "url check", tried=2, refused=2)


def test_a_build_that_reads_bodies_of_any_length_is_caught(tally: Tally, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handle, "MAX_BODY", 2**40)
    answer, code = ENDS_AT_ONCE["gzip bomb on a 401"]

    async def work() -> None:
        async with bench() as b, serving(answer) as server:
            outcome = await b.url(server.url(), within_s=20)
            assert outcome.error is not None
            assert outcome.error.code != code  # it read all hundred megabytes, to the 401 that they are

    run(work())
    tally.caught(ATTACK, "bodies of any length")


def test_large_bodies_that_assertions_want_share_a_bounded_room() -> None:
    body = b"x" * (6 * 2**20)
    wanted = [{"type": "body", "operator": "exists"}]

    async def work() -> None:
        arrived = asyncio.Barrier(12)

        async def together(connection: Connection) -> None:
            await connection.read_request()
            connection.writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body[:-1])
            with contextlib.suppress(ConnectionError):
                await connection.writer.drain()
            await arrived.wait()
            connection.writer.write(body[-1:])
            await connection.writer.drain()

        async with bench() as b, serving(together) as server:
            tries = [b.url(server.url(), within_s=20, assertions=wanted) for _ in range(12)]
            outcomes = await asyncio.gather(*tries)
            crowded = [outcome for outcome in outcomes if outcome.status != "success"]
            assert 4 <= len(crowded) < 12
            assert {(outcome.status, outcome.error.code) for outcome in crowded if outcome.error} == {
                ("unknown", "internal")
            }
        async with bench() as b, serving(answering(HEAD + b"\r\n" + body)) as server:
            for _ in range(12):  # the room is given back
                assert (await b.url(server.url(), within_s=20, assertions=wanted)).status == "success"

    run(work())


@pytest.mark.parametrize("name", NEVER_ENDS)
def test_an_answer_that_never_ends_is_cut_at_the_deadline(name: str, tally: Tally) -> None:
    async def work() -> None:
        async with bench() as b, serving(NEVER_ENDS[name]) as server:
            started = time.monotonic()
            outcome = await b.url(server.url(), within_s=0.4)
            assert 0.3 < time.monotonic() - started < 1.4
            assert outcome.error is not None
            assert outcome.error.code == "timeout"
            assert outcome.duration_ms == pytest.approx(400, abs=300)

    run(work())
    tally.add(ATTACK, "url check", tried=1, refused=1)


def test_a_tls_handshake_that_never_ends_is_cut_at_the_deadline() -> None:
    async def work() -> None:
        async with bench() as b, serving(then_silence(read=False)) as server:
            outcome = await b.url(f"https://127.0.0.1:{server.port}/", within_s=0.4)
            assert outcome.error is not None
            assert outcome.error.code == "timeout"
            assert "TLS handshake" in outcome.error.message
            assert outcome.metrics.connect_ms is not None
            assert outcome.metrics.tls_ms is None

    run(work())


def test_a_connection_nobody_takes_is_cut_at_the_deadline() -> None:
    async def work() -> None:
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen(0)
            place = listening.getsockname()
            crowd = [socket.socket() for _ in range(4)]  # fills the queue, so that the kernel drops further SYNs
            for waiting in crowd:
                waiting.setblocking(False)
                waiting.connect_ex(place)
            try:
                async with bench() as b:
                    outcome = await b.url(f"http://127.0.0.1:{place[1]}/", within_s=0.4)
            finally:
                for waiting in crowd:
                    waiting.close()
            assert outcome.error is not None
            assert outcome.error.code == "connect_timeout"
            assert outcome.metrics.connect_ms is None

    run(work())


def test_a_deadline_that_has_passed_sends_nothing() -> None:
    async def work() -> None:
        async with bench() as b, serving(answering(OK)) as server:
            outcome = await b.url(server.url(), within_s=-1)
            assert outcome.error is not None
            assert outcome.error.code == "timeout"
            assert server.seen == []

    run(work())


def test_sixty_bombs_at_once_take_little_memory_and_delay_nobody(tally: Tally) -> None:
    bomb = encoded(gzip_bomb(100), "gzip")

    async def work() -> None:
        async with bench() as b, serving(answering(bomb)) as hostile, serving(answering(OK)) as friendly:
            await b.url(hostile.url(), within_s=20)
            before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            bombs = [asyncio.ensure_future(b.url(hostile.url(), within_s=60)) for _ in range(60)]
            neighbour = await b.url(friendly.url())
            outcomes = await asyncio.gather(*bombs)
            assert neighbour.status == "success"
            assert {outcome.error.code for outcome in outcomes if outcome.error} == {"body_too_large"}
            assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 64 * 1024

    run(work())
    tally.add(ATTACK, "url check", tried=61, refused=61)
