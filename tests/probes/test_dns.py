"""DNS checks against a name server on loopback that answers, lies and stays silent as each test tells it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from pydantic import ValidationError

from egress.resolver import Resolver
from model.outcome import Outcome, RunStatus
from model.validation import field_errors
from probes.checks import dns as dns_check
from probes.nameserver import UDP_PAYLOAD
from tests.egress.dns_server import Answerer, DnsServer, dns_server, reply, resolver_files
from tests.probes.http_bench import bench, run

NEVER_S = 60.0
"""A deadline that a test must not come near."""
SOON_S = 20.0


def check(**fields: Any) -> dns_check.DnsCheck:
    return dns_check.DnsCheck.model_validate({"name": "a", "type": "dns", "host": "example.com", **fields})


def records(*lines: str, rcode: int = 0) -> Answerer:
    """Answers every question with these lines of a zone file."""

    def answer(name: str, kind: str, query: dns.message.Message) -> bytes:
        message = dns.message.make_response(query)
        message.set_rcode(dns.rcode.Rcode(rcode))
        for line in lines:
            owner, ttl, data_type, data = line.split(" ", 3)
            message.answer.append(dns.rrset.from_text(owner, int(ttl), "IN", data_type, data))
        return message.to_wire(max_size=65_535)

    return answer


def nobody(name: str, kind: str, query: dns.message.Message) -> None:
    return None


def outcome_of(
    answer: Answerer,
    over_tcp: Answerer | None = None,
    *,
    within_s: float = 5.0,
    judge: Callable[[DnsServer], None] | None = None,
    **fields: Any,
) -> Outcome:
    """One attempt against a nameserver that answers so, named by the check."""

    async def work() -> Outcome:
        async with dns_server(answer, over_tcp) as server, bench() as b, asyncio.timeout(SOON_S):
            named = check(nameserver=f"127.0.0.1:{server.port}", **fields)
            outcome = await dns_check.run(named, b.context(within_s))
            if judge is not None:
                judge(server)
            return outcome

    return run(work())


@pytest.mark.parametrize(
    ("record_type", "line", "expected"),
    [
        ("A", "192.0.2.1", "192.0.2.1"),
        ("AAAA", "2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("CAA", '0 issue "ca.example"', '0 issue "ca.example"'),
        ("CNAME", "WWW.Example.COM.", "www.example.com"),
        ("DNSKEY", "256 3 8 " + "AwEAAb" * 12, "256 3 8 " + "AwEAAb" * 12),
        ("DS", "12345 13 2 " + "AB" * 32, "12345 13 2 " + "ab" * 32),
        ("HTTPS", "1 . alpn=h2,h3", '1 . alpn="h2,h3"'),
        ("MX", "10 Mail.Example.COM.", "10 mail.example.com"),
        (
            "NAPTR",
            '100 10 "U" "E2U+sip" "!^.*$!sip:A@b!" SIP.Example.com.',
            '100 10 "U" "E2U+sip" "!^.*$!sip:A@b!" sip.example.com',
        ),
        ("NS", "NS1.Example.COM.", "ns1.example.com"),
        ("PTR", "Host.Example.COM.", "host.example.com"),
        ("SOA", "NS1.Example. Host.Example. 1 2 3 4 5", "ns1.example host.example 1 2 3 4 5"),
        ("SRV", "1 2 443 Srv.Example.", "1 2 443 srv.example"),
        ("SSHFP", "1 1 " + "ab" * 20, "1 1 " + "ab" * 20),
        ("SVCB", "1 Svc.Example. port=443", '1 svc.example port="443"'),
        ("TLSA", "3 1 1 " + "ab" * 32, "3 1 1 " + "ab" * 32),
        ("TXT", '"v=spf1 " "Include:X -all"', "v=spf1 Include:X -all"),
    ],
)
def test_a_record_is_told_as_in_a_zone_file(record_type: str, line: str, expected: str) -> None:
    outcome = outcome_of(
        records(f"example.com. 300 {record_type} {line}"),
        record_type=record_type,
        assertions=[{"type": "record", "value": expected}, {"type": "ttl", "value": 300}],
    )
    assert outcome.status is RunStatus.SUCCESS, outcome.error
    assert outcome.assertions[0].actual == [expected]
    assert outcome.duration_ms == outcome.metrics.dns_ms
    assert outcome.metrics.connect_ms is None
    assert outcome.response is not None
    assert (outcome.response["records"], outcome.response["rcode"]) == ([expected], "NOERROR")


def test_an_alias_is_followed_and_the_lowest_ttl_counts() -> None:
    outcome = outcome_of(
        records("example.com. 60 CNAME www.example.com.", "www.example.com. 300 A 192.0.2.7"),
        assertions=[{"type": "record", "value": ["192.0.2.7"]}, {"type": "ttl", "value": 60}],
    )
    assert outcome.status is RunStatus.SUCCESS, outcome.error


def test_records_are_a_set_whatever_their_order() -> None:
    lines = [f"example.com. 60 MX {n} mail{n}.example.com." for n in (20, 10)]
    wanted = [{"type": "record", "value": ["10 mail10.example.com", "20 mail20.example.com"]}]
    assert outcome_of(records(*lines), record_type="MX", assertions=wanted).status is RunStatus.SUCCESS
    assert outcome_of(records(*lines[:1]), record_type="MX", assertions=wanted).status is RunStatus.FAILED


@pytest.mark.parametrize(
    ("rcode", "said"),
    [(dns.rcode.NXDOMAIN, "NXDOMAIN"), (dns.rcode.SERVFAIL, "SERVFAIL"), (dns.rcode.REFUSED, "REFUSED")],
)
def test_a_refusal_is_a_dns_failure_that_names_the_code(rcode: dns.rcode.Rcode, said: str) -> None:
    outcome = outcome_of(records(rcode=rcode))
    assert outcome.error is not None
    assert (outcome.status, outcome.error.code) == (RunStatus.FAILED, "dns_failure")
    assert said in outcome.error.message
    assert outcome.metrics.dns_ms is not None


def test_a_name_without_such_records_fails_unless_an_assertion_judges_it() -> None:
    bare = outcome_of(records(), record_type="AAAA")
    assert bare.error is not None
    assert bare.error.code == "dns_failure"
    assert "has no AAAA record" in bare.error.message
    absent = [{"type": "record", "operator": "not_exists"}]
    assert outcome_of(records(), record_type="AAAA", assertions=absent).status is RunStatus.SUCCESS
    present = outcome_of(records(), assertions=[{"type": "record", "operator": "exists"}])
    assert present.error is not None
    assert present.error.code == "assertion_failed"


def test_a_name_that_must_be_gone_passes_when_it_does_not_exist() -> None:
    gone = records(rcode=dns.rcode.NXDOMAIN)
    absent = [{"type": "record", "operator": "not_exists"}]
    assert outcome_of(gone, assertions=absent).status is RunStatus.SUCCESS
    for wanted in ([{"type": "record", "operator": "exists"}], [{"type": "ttl", "value": 1}]):
        outcome = outcome_of(gone, assertions=wanted)
        assert outcome.error is not None
        assert outcome.error.code == "dns_failure"
    assert outcome_of(records(rcode=dns.rcode.SERVFAIL), assertions=absent).status is RunStatus.FAILED


def test_a_named_server_that_is_silent_is_the_target_s_fault() -> None:
    outcome = outcome_of(nobody, within_s=0.3, assertions=[{"type": "ttl", "value": 1}])
    assert outcome.error is not None
    assert (outcome.status, outcome.error.code) == (RunStatus.FAILED, "timeout")
    assert [(result.actual, result.passed) for result in outcome.assertions] == [(None, False)]


def test_a_lost_question_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("probes.nameserver._RESEND_S", 0.05)
    told: list[str] = []

    def second_time(name: str, kind: str, query: dns.message.Message) -> bytes | None:
        told.append(name)
        return None if len(told) == 1 else reply(query, "example.com. 60 IN A 192.0.2.1")

    outcome = outcome_of(second_time, within_s=NEVER_S)
    assert outcome.status is RunStatus.SUCCESS
    assert outcome.duration_ms is not None
    assert outcome.duration_ms >= 50


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_a_port_where_nobody_listens_refuses(protocol: str) -> None:
    async def work() -> Outcome:
        with socket.socket(type=socket.SOCK_DGRAM) as bound:
            bound.bind(("127.0.0.1", 0))
            port = bound.getsockname()[1]
        async with bench() as b:
            named = check(nameserver=f"127.0.0.1:{port}", protocol=protocol)
            return await dns_check.run(named, b.context(NEVER_S))

    outcome = run(work())
    assert outcome.error is not None
    assert outcome.error.code == "connect_refused"


@pytest.mark.parametrize("nameserver", ["169.254.169.254", "10.1.2.3:53", "[::ffff:10.1.2.3]:53"])
@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_a_nameserver_that_may_not_be_reached_is_blocked(nameserver: str, protocol: str) -> None:
    async def work() -> Outcome:
        async with bench() as b:
            return await dns_check.run(check(nameserver=nameserver, protocol=protocol), b.context())

    outcome = run(work())
    assert outcome.error is not None
    assert (outcome.status, outcome.error.code) == (RunStatus.FAILED, "blocked_address")


def test_tcp_is_asked_when_wanted_and_its_handshake_is_part_of_the_exchange() -> None:
    asked: list[str] = []
    outcome = outcome_of(
        nobody,
        records("example.com. 60 A 192.0.2.1"),
        judge=lambda server: asked.extend(transport for _, _, transport in server.asked),
        protocol="tcp",
    )
    assert outcome.status is RunStatus.SUCCESS
    assert asked == ["tcp"]
    assert outcome.metrics.connect_ms is not None
    assert outcome.metrics.dns_ms is not None
    assert outcome.metrics.dns_ms > outcome.metrics.connect_ms


def test_an_answer_cut_off_over_udp_is_asked_for_over_tcp() -> None:
    def cut(name: str, kind: str, query: dns.message.Message) -> bytes:
        return reply(query, truncated=True)

    asked: list[str] = []
    many = [f"example.com. 60 A 192.0.2.{n}" for n in range(1, 200)]
    outcome = outcome_of(
        cut,
        records(*many),
        judge=lambda server: asked.extend(transport for _, _, transport in server.asked),
        assertions=[{"type": "record", "operator": "contains", "value": "192.0.2.199"}],
    )
    assert outcome.status is RunStatus.SUCCESS, outcome.error
    assert asked == ["udp", "tcp"]


def test_a_cut_off_answer_with_nobody_at_tcp_fails() -> None:
    def cut(name: str, kind: str, query: dns.message.Message) -> bytes:
        return reply(query, truncated=True)

    outcome = outcome_of(cut, nobody, within_s=0.5)
    assert outcome.status is RunStatus.FAILED


def _other_id(query: dns.message.Message) -> bytes:
    forged = dns.message.from_wire(query.to_wire())
    forged.id = query.id ^ 1
    return reply(forged, "example.com. 60 IN A 203.0.113.66")


def _other_question(query: dns.message.Message) -> bytes:
    forged = dns.message.make_query("evil.example", "A", id=query.id)
    return reply(forged, "evil.example. 60 IN A 203.0.113.66")


@pytest.mark.parametrize(
    "forge",
    [_other_id, _other_question, lambda query: query.to_wire(), lambda _: b"", lambda _: b"\x00"],
    ids=["other id", "other question", "the question itself", "empty", "short"],
)
def test_what_does_not_answer_the_question_is_passed_over(forge: Callable[[dns.message.Message], bytes]) -> None:
    def lying(name: str, kind: str, query: dns.message.Message) -> list[bytes]:
        return [forge(query)] * 3 + [reply(query, "example.com. 60 IN A 192.0.2.1")]

    wanted = [{"type": "record", "value": "192.0.2.1"}]
    assert outcome_of(lying, assertions=wanted).status is RunStatus.SUCCESS


def test_an_answer_from_elsewhere_is_not_heard() -> None:
    async def work() -> Outcome:
        loop = asyncio.get_running_loop()

        class Forger(asyncio.DatagramProtocol):
            """Hears the question, and has another socket answer it."""

            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                self.transport = transport

            def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
                query = dns.message.from_wire(data)
                with socket.socket(type=socket.SOCK_DGRAM) as elsewhere:
                    elsewhere.sendto(reply(query, "example.com. 60 IN A 203.0.113.66"), addr)

        transport, _ = await loop.create_datagram_endpoint(Forger, ("127.0.0.1", 0))
        port = transport.get_extra_info("sockname")[1]
        try:
            async with bench() as b:
                return await dns_check.run(check(nameserver=f"127.0.0.1:{port}"), b.context(0.3))
        finally:
            transport.close()

    outcome = run(work())
    assert outcome.error is not None
    assert outcome.error.code == "timeout"


def test_a_flood_of_other_answers_ends_the_run_and_not_the_loop() -> None:
    def flooding(name: str, kind: str, query: dns.message.Message) -> list[bytes]:
        return [_other_id(query)] * 400

    outcome = outcome_of(flooding, within_s=1.0)
    assert outcome.status is RunStatus.FAILED


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_an_answer_that_can_not_be_read_is_a_broken_protocol(transport: str) -> None:
    def broken(name: str, kind: str, query: dns.message.Message) -> bytes:
        return query.id.to_bytes(2) + b"\x80\x00\x00\x01\x00\xff\x00\x00\x00\x00" + b"\xc0\x0c" * 20

    outcome = outcome_of(broken, within_s=NEVER_S, protocol=transport)
    assert outcome.error is not None
    assert outcome.error.code == "protocol_error"


def test_a_tcp_server_that_closes_early_is_a_broken_protocol() -> None:
    def nothing(name: str, kind: str, query: dns.message.Message) -> list[bytes]:
        return []

    outcome = outcome_of(nothing, within_s=NEVER_S, protocol="tcp")
    assert outcome.error is not None
    assert outcome.error.code == "protocol_error"


def test_aliases_in_a_circle_end() -> None:
    outcome = outcome_of(
        records("example.com. 60 CNAME a.example.com.", "a.example.com. 60 CNAME example.com."),
    )
    assert outcome.error is not None
    assert outcome.error.code == "dns_failure"


def test_a_server_that_knows_no_edns_is_asked_without() -> None:
    seen: list[int] = []

    def old(name: str, kind: str, query: dns.message.Message) -> bytes:
        seen.append(query.edns)
        if query.edns >= 0:
            assert query.payload == UDP_PAYLOAD
            return reply(query, rcode=dns.rcode.FORMERR)
        return reply(query, "example.com. 60 IN A 192.0.2.1")

    assert outcome_of(old).status is RunStatus.SUCCESS
    assert seen == [0, -1]


def test_ptr_takes_an_address_and_asks_for_its_reverse_name() -> None:
    for host, name in (
        ("192.0.2.7", "7.2.0.192.in-addr.arpa"),
        ("2001:db8::1", "1" + ".0" * 23 + ".8.b.d.0.1.0.0.2.ip6.arpa"),
    ):
        asked: list[str] = []
        outcome = outcome_of(
            records(f"{name}. 60 PTR host.example."),
            judge=lambda server, asked=asked: asked.extend(name for name, _, _ in server.asked),  # type: ignore[misc]
            host=host,
            record_type="PTR",
        )
        assert outcome.status is RunStatus.SUCCESS, outcome.error
        assert asked == [name]


def own_outcome(tmp_path: Path, answer: Answerer, *, conf: str = "", within_s: float = 5.0, **fields: Any) -> Outcome:
    """One attempt with the probe's own resolvers, which answer so."""

    async def work() -> Outcome:
        async with dns_server(answer) as server:
            files = resolver_files(tmp_path, resolv_conf=conf or "nameserver 127.0.0.1\n")
            async with bench(allow=(), resolver=Resolver(**files, port=server.port)) as b:
                return await dns_check.run(check(**fields), b.context(within_s))

    return run(work())


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_without_a_nameserver_the_probe_asks_its_own_which_needs_no_permission(tmp_path: Path, protocol: str) -> None:
    outcome = own_outcome(tmp_path, records("example.com. 60 A 192.0.2.1"), protocol=protocol)
    assert outcome.status is RunStatus.SUCCESS, outcome.error


def test_silence_of_the_probe_s_own_resolvers_is_no_fault_of_the_target(tmp_path: Path) -> None:
    outcome = own_outcome(tmp_path, nobody, within_s=0.4)
    assert outcome.error is not None
    assert (outcome.status, outcome.error.code) == (RunStatus.UNKNOWN, "resolver_unavailable")


def test_the_next_of_the_probe_s_resolvers_is_asked_when_one_is_silent(tmp_path: Path) -> None:
    conf = "nameserver 127.0.0.9\nnameserver 127.0.0.1\noptions timeout:1\n"
    outcome = own_outcome(tmp_path, records("example.com. 60 A 192.0.2.1"), conf=conf)
    assert outcome.status is RunStatus.SUCCESS, outcome.error


def test_a_failure_told_by_the_probe_s_own_resolver_is_the_name_s(tmp_path: Path) -> None:
    outcome = own_outcome(tmp_path, records(rcode=dns.rcode.SERVFAIL))
    assert outcome.error is not None
    assert (outcome.status, outcome.error.code) == (RunStatus.FAILED, "dns_failure")


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"host": "a b"}, "host"),
        ({"host": ""}, "host"),
        ({"host": "a..b"}, "host"),
        ({"host": "x" * 64 + ".example"}, "host"),
        ({"host": "192.0.2.1"}, "host"),
        ({"host": "a\x00"}, "host"),
        ({"record_type": "ANY"}, "record_type"),
        ({"record_type": "AXFR"}, "record_type"),
        ({"record_type": 1}, "record_type"),
        ({"nameserver": "dns.example"}, "nameserver"),
        ({"nameserver": "192.0.2.1:0"}, "nameserver"),
        ({"nameserver": "192.0.2.1:65536"}, "nameserver"),
        ({"nameserver": "192.0.2.1:x"}, "nameserver"),
        ({"nameserver": "[::1"}, "nameserver"),
        ({"nameserver": "[::1]x"}, "nameserver"),
        ({"protocol": "tls"}, "protocol"),
        ({"assertions": [{"type": "body", "value": "x"}]}, "assertions.0.type"),
    ],
)
def test_a_definition_that_does_not_fit_is_refused_at_its_field(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(ValidationError) as caught:
        check(**fields)
    assert list(field_errors(caught.value)) == [path]


@pytest.mark.parametrize(
    "fields",
    [
        {"host": "_dmarc.example.com", "record_type": "txt"},
        {"host": "*.example.com"},
        {"host": "0/25.2.0.192.in-addr.arpa", "record_type": "PTR"},
        {"host": "."},
        {"host": "bücher.example"},
        {"nameserver": "9.9.9.9"},
        {"nameserver": "9.9.9.9:5353"},
        {"nameserver": "2620:fe::fe"},
        {"nameserver": "[2620:fe::fe]:53"},
    ],
)
def test_what_zones_and_people_write_is_taken(fields: dict[str, Any]) -> None:
    assert check(**fields).question
