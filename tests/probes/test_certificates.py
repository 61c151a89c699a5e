"""A server's certificate reads the same whichever check saw it."""

from __future__ import annotations

import re
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID, NameOID

from probes.certificates import facts_of_chain, facts_of_der
from probes.checks import tcp
from tests.probes.http_bench import OK, answering, bench, run, serving
from tests.probes.tls_bench import Authority


def test_a_url_check_and_a_tcp_check_show_the_same_certificate_alike(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    organization = "Müller, Söhne + Co"
    authority.ca.issue_cert(
        "localhost", "127.0.0.1", common_name="shop.test", organization_name=organization
    ).configure_cert(tls)

    async def work() -> None:
        async with bench(ca_file=str(authority.ca_file)) as b, serving(answering(OK), tls=tls) as server:
            by_url = await b.url(server.url(host="localhost"))
            check = tcp.TcpCheck.model_validate(
                {"name": "a", "type": "tcp", "host": "localhost", "port": server.port, "tls": {"enabled": True}}
            )
            by_tcp = await tcp.run(check, b.context())
            assert by_url.response is not None
            assert by_tcp.response is not None
            shown = by_url.response["certificate"]
            assert shown == by_tcp.response["certificate"]
            assert "CN=shop.test" in shown["subject"].split(",")
            assert r"O=Müller\, Söhne \+ Co" in shown["subject"]
            assert re.fullmatch(r"OU=Testing CA #[^,=]+,O=trustme v[0-9.]+", shown["issuer"])
            assert shown["san"] == ["localhost", "127.0.0.1"]
            assert int(shown["serial"], 16) > 0

    run(work())


def test_a_broken_extension_does_not_cost_the_expiry() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "odd.test")])
    ends = datetime(2030, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(255)
        .not_valid_before(ends - timedelta(days=900))
        .not_valid_after(ends)
        .add_extension(x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, b"junk"), critical=False)
        .sign(key, SHA256())
    )
    facts = facts_of_der(certificate.public_bytes(Encoding.DER))
    assert facts is not None
    assert (facts.subject, facts.serial, facts.names, facts.not_after) == ("CN=odd.test", "ff", (), ends.timestamp())
    assert facts == facts_of_chain([(("Cert", certificate.public_bytes(Encoding.PEM).decode()),)])


def test_what_is_no_certificate_has_no_facts() -> None:
    assert facts_of_der(b"junk") is None
    assert facts_of_chain([]) is None
    assert facts_of_chain([(("Cert", "junk"),)]) is None
    assert facts_of_chain([(("Subject", "CN = a"),)]) is None
