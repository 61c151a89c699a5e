"""TLS and HTTP/2: who is believed, what is shown of a certificate, and which version is spoken."""

from __future__ import annotations

import json
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from probes.checks.url import UrlCheck
from probes.untrusted import untrusted
from tests.probes.http_bench import OK, Connection, answering, bench, redirecting, run, serving
from tests.probes.tls_bench import Authority, http2, http2_breaks_off


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def test_a_trusted_server_passes_and_shows_its_certificate(authority: Authority) -> None:
    async def work() -> None:
        ends = datetime.now(UTC) + timedelta(days=30)
        tls = authority.server("localhost", "127.0.0.1", not_after=ends)
        async with bench(ca_file=str(authority.ca_file)) as b, serving(answering(OK), tls=tls) as server:
            wanted = [{"type": "certificate_expiry", "operator": "greater_than", "value": 29}]
            outcome = await b.url(server.url(host="localhost"), assertions=wanted)
            assert outcome.status == "success", outcome.error
            metrics = outcome.metrics
            assert metrics.dns_ms is not None
            assert metrics.connect_ms is not None
            assert metrics.tls_ms is not None
            assert metrics.ttfb_ms is not None
            assert metrics.dns_ms + metrics.connect_ms + metrics.tls_ms < metrics.ttfb_ms
            assert outcome.response is not None
            shown = outcome.response["certificate"]
            assert shown["san"] == ["localhost", "127.0.0.1"]
            assert shown["days_left"] == pytest.approx(30, abs=0.1)
            assert shown["not_after"] == ends.strftime("%Y-%m-%dT%H:%M:%SZ")
            assert "Testing CA" in shown["issuer"]
            assert shown["serial"]
            assert json.dumps(outcome.response)

    run(work())


def test_what_is_not_trusted_fails_unless_told_not_to_verify(authority: Authority) -> None:
    async def work() -> None:
        past = datetime.now(UTC) - timedelta(days=1)
        async with bench(ca_file=str(authority.ca_file)) as b, bench() as strict:
            for context, host, asks in (
                (authority.server("localhost", not_after=past), "localhost", b),
                (authority.server("other.test"), "localhost", b),
                (authority.server("localhost"), "localhost", strict),
            ):
                async with serving(answering(OK), tls=context) as server:
                    outcome = await asks.url(server.url(host=host))
                    assert outcome.error is not None
                    assert outcome.error.code == "tls_error"
                    assert "certificate" in outcome.error.message
                    outcome = await asks.url(server.url(host=host), verify_tls=False)
                    assert outcome.status == "success"
                    assert outcome.response is not None
                    assert outcome.response["certificate"]["subject"]

    run(work())


def test_a_certificate_that_is_not_trusted_is_told_in_plain_words_and_kept(authority: Authority) -> None:
    past = datetime.now(UTC) - timedelta(days=1)
    cases = (
        (authority.server("localhost", not_after=past), True, "it has expired; subject"),
        (authority.server("other.test"), True, "it is not for localhost; subject"),
        (authority.server("localhost"), False, "who issued it is not trusted, or the server does not send"),
    )

    async def work() -> None:
        async with bench(ca_file=str(authority.ca_file)) as b, bench() as strict:
            for context, known, said in cases:
                async with serving(answering(OK), tls=context) as server:
                    outcome = await (b if known else strict).url(server.url(host="localhost"))
                    assert outcome.error is not None
                    assert f"the server's certificate is not valid: {said}" in outcome.error.message
                    assert "issuer OU=Testing CA" in outcome.error.message
                    assert outcome.response is not None
                    assert outcome.response.keys() == {"certificate"}
                    assert outcome.response["certificate"]["issuer"].startswith("OU=Testing CA")

    run(work())


def test_reasons_of_openssl_have_plain_words() -> None:
    assert untrusted("SSL certificate problem: self-signed certificate", "a.test", None) == (
        "certificate is not valid: it is a self-signed certificate: no trusted authority vouches for it"
    )
    assert untrusted("CA signature digest algorithm too weak", "a.test", None).endswith("digest algorithm too weak")


def test_a_client_certificate_is_shown_to_its_server_and_no_other(authority: Authority) -> None:
    certificate, key = authority.client()
    pair = {"certificate": certificate, "key": key}

    async def work() -> None:
        tls = authority.server("localhost", wants_client=True)
        async with bench(ca_file=str(authority.ca_file)) as b, serving(answering(OK), tls=tls) as server:
            assert (await b.url(server.url(host="localhost"), client_certificate=pair)).status == "success"
            outcome = await b.url(server.url(host="localhost"))
            assert outcome.error is not None
            assert outcome.error.code == "tls_error"
            async with serving(redirecting(server.url(host="localhost"))) as first:
                outcome = await b.url(first.url(), client_certificate=pair)
                assert outcome.status == "failed"

    run(work())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("alpn", [(), ("h2", "http/1.1")])
def test_a_server_that_demands_a_client_certificate_is_named_as_such(
    authority: Authority, tmp_path: Path, version: ssl.TLSVersion, alpn: tuple[str, ...]
) -> None:
    (tmp_path / "other").mkdir()
    certificate, key = Authority(tmp_path / "other").client()
    untrusted = {"certificate": certificate, "key": key}

    async def work() -> None:
        tls = authority.server("localhost", wants_client=True, version=version, alpn=alpn)
        async with bench(ca_file=str(authority.ca_file)) as b, serving(answering(OK), tls=tls) as server:
            for fields, word in (
                ({}, "demands a client certificate"),
                ({"method": "POST", "body": "x" * 100_000}, "give the check a client_certificate"),
                ({"client_certificate": untrusted}, "did not accept this check's client certificate"),
            ):
                outcome = await b.url(server.url(host="localhost"), **fields)
                assert (outcome.status, outcome.error and outcome.error.code) == ("failed", "tls_error")
                assert outcome.error is not None
                assert word in outcome.error.message

    run(work())


def test_a_server_that_only_offers_to_look_at_a_client_certificate_is_satisfied_without(authority: Authority) -> None:
    async def work() -> None:
        tls = authority.server("localhost", wants_client=True)
        tls.verify_mode = ssl.CERT_OPTIONAL
        async with bench(ca_file=str(authority.ca_file)) as b, serving(answering(OK), tls=tls) as server:
            assert (await b.url(server.url(host="localhost"))).status == "success"

    run(work())


def test_a_connection_that_breaks_for_another_reason_is_no_matter_of_certificates(authority: Authority) -> None:
    """And the second handshake, which finds that out, asks the server for nothing."""

    async def work() -> None:
        async def reads_and_leaves(connection: Connection) -> None:
            await connection.read_request()

        tls = authority.server("localhost")
        async with bench(ca_file=str(authority.ca_file)) as b, serving(reads_and_leaves, tls=tls) as server:
            outcome = await b.url(server.url(host="localhost"), method="POST", body="once")
            assert outcome.error is not None
            assert outcome.error.code == "protocol_error"
            assert "certificate" not in outcome.error.message
            assert [connection.body for connection in server.seen if connection.head] == [b"once"]

    run(work())


def test_a_pair_that_cannot_work_is_refused_with_a_word(authority: Authority) -> None:
    certificate, key = authority.client()
    fields = {"name": "a", "type": "url", "url": "https://a.test/"}
    UrlCheck.model_validate({**fields, "client_certificate": {"certificate": certificate, "key": "********"}})
    for pair, word in (((key, key), "not a certificate"), ((certificate, certificate), "not a private key")):
        with pytest.raises(ValidationError, match=word):
            UrlCheck.model_validate(
                {**fields, "client_certificate": dict(zip(("certificate", "key"), pair, strict=True))}
            )


def test_http2_is_spoken_where_both_can(authority: Authority) -> None:
    async def work() -> None:
        tls = authority.server("localhost", alpn=("h2", "http/1.1"))
        wanted = [
            {"type": "http_version", "operator": "equals", "value": "2"},
            {"type": "body", "operator": "equals", "value": "two"},
        ]
        async with bench(ca_file=str(authority.ca_file)) as b, serving(http2, tls=tls) as server:
            for version in ("auto", "2"):
                outcome = await b.url(server.url(host="localhost"), http_version=version, assertions=wanted)
                assert outcome.status == "success", outcome.error
                assert outcome.response is not None
                assert outcome.response["http_version"] == "2"
        async with bench() as b, serving(http2) as server:
            assert (await b.url(server.url(), http_version="2", assertions=wanted)).status == "success"

    run(work())


def test_http_1_1_is_spoken_where_it_is_asked_for(authority: Authority) -> None:
    async def work() -> None:
        tls = authority.server("localhost", alpn=("h2", "http/1.1"))
        async with bench(ca_file=str(authority.ca_file)) as b, serving(answering(OK), tls=tls) as server:
            outcome = await b.url(server.url(host="localhost"), http_version="1.1")
            assert outcome.status == "success", outcome.error

    run(work())


def test_a_server_that_cannot_do_http2_fails_a_check_that_wants_it(authority: Authority) -> None:
    async def work() -> None:
        tls = authority.server("localhost", alpn=("http/1.1",))
        async with bench(ca_file=str(authority.ca_file)) as b, serving(answering(OK), tls=tls) as server:
            outcome = await b.url(server.url(host="localhost"), http_version="2")
            assert outcome.error is not None
            assert outcome.error.code == "protocol_error"
            assert "wants HTTP/2" in outcome.error.message

    run(work())


def test_a_broken_off_http2_stream_is_a_protocol_error(authority: Authority) -> None:
    async def work() -> None:
        async with bench() as b, serving(http2_breaks_off) as server:
            outcome = await b.url(server.url(), http_version="2")
            assert outcome.error is not None
            assert outcome.error.code == "protocol_error"

    run(work())


def test_plain_http_on_a_tls_port_is_a_tls_error() -> None:
    async def work() -> None:
        async with bench() as b, serving(answering(OK)) as server:
            outcome = await b.url(f"https://127.0.0.1:{server.port}/", within_s=2)
            assert outcome.error is not None
            assert outcome.error.code in ("tls_error", "timeout")

    run(work())
