"""The fields that `url` and `api` checks share (CONTRACT "Monitors"), and the plan of requests they come to."""

from __future__ import annotations

import json as json_text
from functools import cached_property
from typing import Annotated, ClassVar, Literal

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import AfterValidator, ConfigDict, Field, JsonValue, StringConstraints, model_validator

from model.definition import CheckDefinition, Strict
from model.fields import printable
from model.headers import Headers
from model.hosts import WebUrl, parse_url
from model.secrets import MASK
from model.traceparent import HEADER as TRACE_HEADER
from model.traceparent import Traceparent
from model.validation import FieldsError
from probes.http.exchange import MAX_BODY, ClientCertificate
from probes.http.headers import USER_AGENT, basic_authorization, header_line
from probes.http.visit import Plan

MAX_REQUEST_BODY = 262_144
KEPT_OF_A_BODY = 4_096
"""What a failed run shows of the answer."""
_NEED_BODY = frozenset({"body", "json_path", "json_schema"})
HTTP_ASSERTIONS = _NEED_BODY | {
    "status_code", "response_time", "header", "certificate_expiry", "http_version", "redirects",
}  # fmt: skip

Secret = Annotated[str, StringConstraints(max_length=1_000), AfterValidator(printable)]
Pem = Annotated[str, StringConstraints(max_length=65_536), AfterValidator(printable)]


class BasicAuth(Strict):
    """Sent with the first request (RFC 7617), and on to the same origin only."""

    username: Annotated[str, StringConstraints(max_length=1_000, pattern=r"^[^:\x00-\x1f\x7f]*$")]
    password: Secret = ""


def _is_certificate(text: str) -> str:
    try:
        x509.load_pem_x509_certificates(text.encode())
    except ValueError:
        raise ValueError("is not a certificate in PEM form (-----BEGIN CERTIFICATE-----)") from None
    return text


def _is_key(text: str) -> str:
    if text == MASK:
        return text
    try:
        load_pem_private_key(text.encode(), password=None)
    except TypeError:
        raise ValueError("is an encrypted private key; give it without its pass phrase") from None
    except ValueError:
        raise ValueError("is not a private key in PEM form (-----BEGIN PRIVATE KEY-----)") from None
    return text


class ClientPair(Strict):
    """What the probe shows to a server that asks who it is: PEM texts, the certificate with its chain."""

    certificate: Annotated[Pem, AfterValidator(_is_certificate)]
    key: Annotated[Pem, AfterValidator(_is_key)]

    @model_validator(mode="after")
    def _belong_together(self) -> ClientPair:
        if self.key != MASK:
            key = load_pem_private_key(self.key.encode(), password=None)
            first = x509.load_pem_x509_certificates(self.certificate.encode())[0]
            if key.public_key() != first.public_key():
                raise FieldsError({"key": "does not belong to the (first) certificate"})
        return self


class HttpCheck(CheckDefinition):
    """One request and its redirects, over a fresh connection."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, serialize_by_alias=True, populate_by_name=True)
    assertion_types: ClassVar[frozenset[str]] = HTTP_ASSERTIONS
    default_headers: ClassVar[dict[str, str]] = {}

    url: WebUrl
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET"
    headers: Headers = Field(default_factory=dict)
    secret_headers: Annotated[tuple[str, ...], Field(max_length=100, strict=False)] = ()
    body: Annotated[str, StringConstraints(max_length=MAX_REQUEST_BODY), AfterValidator(printable)] | None = None
    json_body: Annotated[JsonValue, Field(alias="json", description="sent as JSON, with that Content-Type")] = None
    basic_auth: BasicAuth | None = None
    follow_redirects: bool = True
    max_redirects: Annotated[int, Field(ge=0, le=50)] = 10
    verify_tls: bool = True
    http_version: Literal["auto", "1.1", "2"] = "auto"
    client_certificate: ClientPair | None = None
    traceparent: Traceparent = True

    @model_validator(mode="after")
    def _one_body(self) -> HttpCheck:
        if self.body is not None and self.json_body is not None:
            raise FieldsError({"json": "give either body or json, not both"})
        if self.method == "HEAD" and (self.body is not None or self.json_body is not None):
            raise FieldsError({"method": "HEAD has no body: leave out body and json"})
        if self.json_body is not None and len(json_text.dumps(self.json_body)) > MAX_REQUEST_BODY:
            raise FieldsError({"json": f"must be at most {MAX_REQUEST_BODY} bytes long"})
        if self.basic_auth is not None and any(name.lower() == "authorization" for name in self.headers):
            raise FieldsError({"basic_auth": "give either basic_auth or an Authorization header, not both"})
        return self

    @property
    def needs_body(self) -> bool:
        """Whether an assertion looks at the answer's body."""
        return any(assertion.type in _NEED_BODY for assertion in self.assertions)

    @cached_property
    def plan(self) -> Plan:
        """The requests this definition comes to, made once for all its runs."""
        target = parse_url(self.url)
        body = self._request_body()
        headers = {"User-Agent": USER_AGENT, **self.default_headers}
        if self.json_body is not None:
            headers["Content-Type"] = "application/json"
        given = {name.lower() for name in self.headers}
        headers = {name: value for name, value in headers.items() if name.lower() not in given} | self.headers
        if self.basic_auth is not None:
            headers["Authorization"] = basic_authorization(self.basic_auth.username, self.basic_auth.password)
        elif target.username is not None and "authorization" not in given:
            headers["Authorization"] = basic_authorization(target.username, target.password or "")
        lines = [(name, header_line(name, value)) for name, value in headers.items()]
        if body is not None:
            lines.append(("Expect", b"Expect:"))  # libcurl would wait a second for a 100 before a long body
            if not any(name.lower() == "content-type" for name in headers):
                lines.append(("Content-Type", b"Content-Type:"))  # nor is text a form, as libcurl would say
        pair = self.client_certificate
        return Plan(
            target=target,
            method=self.method,
            headers=tuple(lines),
            secret_headers=tuple(name.lower() for name in self.secret_headers),
            body=body,
            follow_redirects=self.follow_redirects,
            max_redirects=self.max_redirects,
            verify_tls=self.verify_tls,
            http_version=self.http_version,
            client_certificate=None
            if pair is None
            else ClientCertificate(pair.certificate.encode(), pair.key.encode()),
            keep=MAX_BODY if self.needs_body else KEPT_OF_A_BODY,
            traceparent=self.traceparent and TRACE_HEADER not in given,
        )

    def _request_body(self) -> bytes | None:
        if self.json_body is not None:
            return json_text.dumps(self.json_body, ensure_ascii=False, separators=(",", ":")).encode()
        if self.body is not None:
            return self.body.encode()
        # Methods that usually carry a body say that theirs is empty.
        return b"" if self.method in ("POST", "PUT", "PATCH") else None
