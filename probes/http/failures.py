"""libcurl's errors turned into ours, here and nowhere else, each with a sentence for people.

A code is listed for every pycurl.E_* there is (a test holds that): the target's faults by name, all others as ours,
since they come from options and protocols that no check uses.
"""

from __future__ import annotations

import errno
import os

import pycurl

from model.errors import ErrorCode
from probes.http.exchange import Failure

_TARGETS: dict[str, tuple[ErrorCode, str]] = {
    "E_COULDNT_CONNECT": (ErrorCode.CONNECT_FAILED, "no connection could be made"),
    "E_OPERATION_TIMEDOUT": (ErrorCode.TIMEOUT, "the answer did not come in time"),
    "E_COULDNT_RESOLVE_HOST": (ErrorCode.DNS_FAILURE, "the host has no address that could be used"),
    "E_SSL_CONNECT_ERROR": (ErrorCode.TLS_ERROR, "the TLS handshake failed"),
    "E_PEER_FAILED_VERIFICATION": (ErrorCode.TLS_ERROR, "the server's certificate is not valid"),
    "E_SSL_CERTPROBLEM": (ErrorCode.TLS_ERROR, "the client certificate or its key can't be used"),
    "E_SSL_CIPHER": (ErrorCode.TLS_ERROR, "no TLS cipher is shared with the server"),
    "E_SSL_PINNEDPUBKEYNOTMATCH": (ErrorCode.TLS_ERROR, "the server's public key is not the expected one"),
    "E_SSL_INVALIDCERTSTATUS": (ErrorCode.TLS_ERROR, "the server's certificate status is not valid"),
    "E_SSL_SHUTDOWN_FAILED": (ErrorCode.TLS_ERROR, "the TLS connection was not closed properly"),
    "E_GOT_NOTHING": (ErrorCode.PROTOCOL_ERROR, "the server closed the connection without an answer"),
    "E_RECV_ERROR": (ErrorCode.PROTOCOL_ERROR, "the connection broke while the answer was read"),
    "E_SEND_ERROR": (ErrorCode.PROTOCOL_ERROR, "the connection broke while the request was sent"),
    "E_SEND_FAIL_REWIND": (ErrorCode.PROTOCOL_ERROR, "the server asked for the request's body again"),
    "E_PARTIAL_FILE": (ErrorCode.PROTOCOL_ERROR, "the body ended before the length that was announced"),
    "E_BAD_CONTENT_ENCODING": (ErrorCode.PROTOCOL_ERROR, "the body's compression is broken, unknown or too deep"),
    "E_FTP_WEIRD_SERVER_REPLY": (ErrorCode.PROTOCOL_ERROR, "what the server sent is not HTTP"),
    "E_UNSUPPORTED_PROTOCOL": (ErrorCode.PROTOCOL_ERROR, "what the server sent is not HTTP/1 or HTTP/2"),
    "E_HTTP2": (ErrorCode.PROTOCOL_ERROR, "the HTTP/2 connection broke"),
    "E_UPLOAD_FAILED": (ErrorCode.PROTOCOL_ERROR, "the request's body was not taken"),
    "E_RANGE_ERROR": (ErrorCode.PROTOCOL_ERROR, "the server answered with a range nobody asked for"),
    "E_TOO_MANY_REDIRECTS": (ErrorCode.TOO_MANY_REDIRECTS, "the server redirected too often"),
    "E_FILESIZE_EXCEEDED": (ErrorCode.BODY_TOO_LARGE, "the body is too large"),
}
_OURS = (
    "E_ABORTED_BY_CALLBACK E_AGAIN E_ALREADY_COMPLETE E_BAD_CALLING_ORDER E_BAD_DOWNLOAD_RESUME "
    "E_BAD_FUNCTION_ARGUMENT E_BAD_PASSWORD_ENTERED E_CALL_MULTI_PERFORM E_CHUNK_FAILED E_CONV_FAILED E_CONV_REQD "
    "E_COULDNT_RESOLVE_PROXY E_FAILED_INIT E_FILE_COULDNT_READ_FILE E_FTP_ACCEPT_FAILED E_FTP_ACCEPT_TIMEOUT "
    "E_FTP_ACCESS_DENIED E_FTP_BAD_DOWNLOAD_RESUME E_FTP_BAD_FILE_LIST E_FTP_CANT_GET_HOST E_FTP_CANT_RECONNECT "
    "E_FTP_COULDNT_GET_SIZE E_FTP_COULDNT_RETR_FILE E_FTP_COULDNT_SET_ASCII E_FTP_COULDNT_SET_BINARY "
    "E_FTP_COULDNT_SET_TYPE E_FTP_COULDNT_STOR_FILE E_FTP_COULDNT_USE_REST E_FTP_PARTIAL_FILE E_FTP_PORT_FAILED "
    "E_FTP_PRET_FAILED E_FTP_QUOTE_ERROR E_FTP_SSL_FAILED E_FTP_USER_PASSWORD_INCORRECT E_FTP_WEIRD_227_FORMAT "
    "E_FTP_WEIRD_PASS_REPLY E_FTP_WEIRD_PASV_REPLY E_FTP_WEIRD_USER_REPLY E_FTP_WRITE_ERROR E_FUNCTION_NOT_FOUND "
    "E_HTTP_NOT_FOUND E_HTTP_PORT_FAILED E_HTTP_POST_ERROR E_HTTP_RANGE_ERROR E_HTTP_RETURNED_ERROR "
    "E_INTERFACE_FAILED E_LDAP_CANNOT_BIND E_LDAP_INVALID_URL E_LDAP_SEARCH_FAILED E_LIBRARY_NOT_FOUND "
    "E_LOGIN_DENIED E_MALFORMAT_USER E_NOT_BUILT_IN E_NO_CONNECTION_AVAILABLE E_OPERATION_TIMEOUTED E_OUT_OF_MEMORY "
    "E_QUOTE_ERROR E_READ_ERROR E_REMOTE_ACCESS_DENIED E_REMOTE_DISK_FULL E_REMOTE_FILE_EXISTS "
    "E_REMOTE_FILE_NOT_FOUND E_RTSP_CSEQ_ERROR E_RTSP_SESSION_ERROR E_SHARE_IN_USE E_SSH E_SSL_CACERT "
    "E_SSL_CACERT_BADFILE E_SSL_CRL_BADFILE E_SSL_ENGINE_INITFAILED E_SSL_ENGINE_NOTFOUND E_SSL_ENGINE_SETFAILED "
    "E_SSL_ISSUER_ERROR E_SSL_PEER_CERTIFICATE E_TELNET_OPTION_SYNTAX E_TFTP_DISKFULL E_TFTP_EXISTS E_TFTP_ILLEGAL "
    "E_TFTP_NOSUCHUSER E_TFTP_NOTFOUND E_TFTP_PERM E_TFTP_UNKNOWNID E_UNKNOWN_OPTION E_UNKNOWN_TELNET_OPTION "
    "E_URL_MALFORMAT E_URL_MALFORMAT_USER E_USE_SSL_FAILED E_WRITE_ERROR"
)
_BEYOND_PYCURL: dict[int, tuple[ErrorCode, str]] = {
    92: (ErrorCode.PROTOCOL_ERROR, "the server broke off the HTTP/2 stream"),
    95: (ErrorCode.PROTOCOL_ERROR, "the HTTP/3 connection broke"),
    100: (ErrorCode.PROTOCOL_ERROR, "the answer's headers are too large"),
}
"""libcurl's codes that pycurl has no name for: CURLE_HTTP2_STREAM, CURLE_HTTP3, CURLE_TOO_LARGE."""

_INTERNAL = (ErrorCode.INTERNAL, "libcurl could not do what Tracer asked of it")
MAPPED: dict[int, tuple[ErrorCode, str]] = {
    **{getattr(pycurl, name): _INTERNAL for name in _OURS.split() if hasattr(pycurl, name)},
    **{getattr(pycurl, name): meaning for name, meaning in _TARGETS.items() if hasattr(pycurl, name)},
    **_BEYOND_PYCURL,
}
"""libcurl's number -> our code and the beginning of the sentence. Where a number has two names, the target's wins."""

_STARVED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL)
"""This machine is out of descriptors, memory or ports: nothing the target did."""


_UNEXPLAINED = frozenset(
    {pycurl.E_SSL_CONNECT_ERROR, pycurl.E_RECV_ERROR, pycurl.E_SEND_ERROR, pycurl.E_GOT_NOTHING, pycurl.E_HTTP2}
)
"""How a server that wants another client certificate breaks off: in the handshake, or, with TLS 1.3, right after it.
Its alert that says so is lost more often than not."""


def maybe_for_want_of_a_certificate(number: int, *, connected: bool, began: bool) -> bool:
    """Whether libcurl's error may mean that the server wanted a client certificate, or another one. Of TLS only."""
    return number in _UNEXPLAINED and connected and not began


def certificate_wanted(failure: Failure, *, shown: bool) -> Failure:
    """What to say once it is known that the server asked for one. `shown`: the check has a client certificate."""
    if shown:
        said = (
            "the server did not accept this check's client certificate: it asked for one and then broke off; see that "
            "it has not expired and that the server trusts who issued it"
        )
    else:
        said = (
            "the server demands a client certificate: it asked for one and broke off without it; give the check a "
            "client_certificate (certificate and key)"
        )
    return Failure(ErrorCode.TLS_ERROR, f"{said} ({failure.message})")


def failure_of(
    number: int, detail: str, *, os_errno: int, place: str, connected: bool, secured: bool, began: bool
) -> Failure:
    """libcurl's error and how far it came -> ours. `connected`: TCP stood; `secured`: and TLS, where wanted; `began`:
    bytes of the answer had come; `place`: address and port, for people."""
    if number == pycurl.E_OPERATION_TIMEDOUT:
        return _timed_out(place, connected=connected, secured=secured, began=began)
    if number == pycurl.E_COULDNT_CONNECT:
        return _not_connected(os_errno, place)
    code, sentence = MAPPED.get(number, _INTERNAL)
    if connected and not secured and code is ErrorCode.PROTOCOL_ERROR:
        code, sentence = ErrorCode.TLS_ERROR, "the connection broke during the TLS handshake"
    return Failure(code, f"{sentence} ({detail})" if detail else sentence)


def _timed_out(place: str, *, connected: bool, secured: bool, began: bool) -> Failure:
    if not connected:
        return Failure(ErrorCode.CONNECT_TIMEOUT, f"{place} did not take the connection in time")
    if not secured:
        return Failure(ErrorCode.TIMEOUT, f"{place} did not finish the TLS handshake in time")
    if not began:
        return Failure(ErrorCode.TIMEOUT, f"{place} took the request, but no answer came in time")
    return Failure(ErrorCode.TIMEOUT, f"{place} began its answer, but did not finish it in time")


def _not_connected(os_errno: int, place: str) -> Failure:
    if os_errno == errno.ECONNREFUSED:
        return Failure(ErrorCode.CONNECT_REFUSED, f"{place} refused the connection")
    if os_errno == errno.ETIMEDOUT:
        return Failure(ErrorCode.CONNECT_TIMEOUT, f"{place} did not answer")
    reason = os.strerror(os_errno) if os_errno else "no reason given"
    if os_errno in _STARVED:
        return Failure(ErrorCode.INTERNAL, f"the probe could not open a connection: {reason}")
    return Failure(ErrorCode.CONNECT_FAILED, f"{place} could not be connected to: {reason}")
