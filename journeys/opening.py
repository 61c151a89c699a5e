"""Opening a page, and what is said when it does not open: the browser knows that, the proxy knows why."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.async_api import APIResponse, Error

from journeys.errors import StepError
from journeys.headers import parted
from journeys.urls import origin_of
from model.errors import ErrorCode
from model.hosts import BadHostError, parse_redirect, parse_url

if TYPE_CHECKING:
    from journeys.steps.base import Step
    from journeys.walk import Walk

_NET_ERROR = re.compile(r"net::(ERR_[A-Z0-9_]+)")
_THROUGH_THE_PROXY = re.compile(r"ERR_(SOCKS|PROXY|TUNNEL)_")
_MEANINGS: tuple[tuple[str, ErrorCode, str], ...] = (
    (r"ERR_CERT_DATE_INVALID", ErrorCode.TLS_ERROR, "its certificate has expired or is not valid yet"),
    (r"ERR_CERT_COMMON_NAME_INVALID", ErrorCode.TLS_ERROR, "its certificate is for another name"),
    (r"ERR_CERT_AUTHORITY_INVALID", ErrorCode.TLS_ERROR, "its certificate is not from an authority that is trusted"),
    (r"ERR_(CERT|SSL|BAD_SSL|TLS)_", ErrorCode.TLS_ERROR, "TLS failed"),
    (r"ERR_TOO_MANY_REDIRECTS", ErrorCode.TOO_MANY_REDIRECTS, "it redirects without end"),
    (r"ERR_CONNECTION_REFUSED", ErrorCode.CONNECT_REFUSED, "the connection was refused"),
    (r"ERR_NAME_NOT_RESOLVED", ErrorCode.DNS_FAILURE, "its name does not exist"),
    (r"ERR_(CONNECTION_)?TIMED_OUT", ErrorCode.TIMEOUT, "it did not answer"),
    (r"ERR_(EMPTY_RESPONSE|CONNECTION_(CLOSED|RESET|ABORTED))", ErrorCode.PROTOCOL_ERROR,
     "the connection broke before an answer came"),
    (r"ERR_(INVALID_HTTP|INVALID_CHUNKED|INCOMPLETE|CONTENT_|RESPONSE_HEADERS|HTTP2|QUIC|INVALID_REDIRECT)",
     ErrorCode.PROTOCOL_ERROR, "its answer is not proper HTTP"),
    (r"ERR_(INSUFFICIENT_RESOURCES|OUT_OF_MEMORY|NO_BUFFER_SPACE|FILE_NO_SPACE)", ErrorCode.INTERNAL,
     "the browser ran out of memory or disk"),
    (r"ERR_UNSAFE_PORT", ErrorCode.STEP_FAILED, "browsers refuse to use this port"),
    (r"ERR_(UNKNOWN_URL_SCHEME|DISALLOWED_URL_SCHEME|UNSAFE_REDIRECT)", ErrorCode.STEP_FAILED,
     "it redirects to what is no web page"),
    (r"ERR_ABORTED", ErrorCode.STEP_FAILED, "it is a download, or the page went elsewhere at once"),
    (r"ERR_BLOCKED_BY_RESPONSE", ErrorCode.STEP_FAILED, "its own headers forbid to show it"),
)  # fmt: skip
_MAX_REDIRECTS = 10
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NO_BODY = "ERR_HTTP_RESPONSE_CODE_FAILURE"
_ERROR_PAGE = "chrome-error:"
_DOWNLOAD = "Download is starting"


async def open_page(walk: Walk, url: str, status: int | None) -> None:
    """Goes to a URL and waits until its load event. `status`: what it must be answered with; None: under 400.

    Raises StepError, and Playwright's Error when the page does not come in time or the browser is gone."""
    walk.pages.opened = True
    walk.pages.documents.clear()
    try:
        await walk.page.goto(url, timeout=walk.left_ms)
    except Error as error:
        # A status of 400 and more without a body is no page to a browser.
        if _NO_BODY not in error.message:
            failure = why_not_opened(walk, url, error.message)
            if failure is None:
                raise
            raise failure from None
    for document in walk.pages.documents[-1:]:
        wrong = document.status != status if status is not None else document.status >= 400
        if wrong:
            hoped = "" if status is None else f", {status} was expected"
            words = f"{document.status} {document.status_text}".strip()
            raise StepError(f"{_shown(document.url)} answered {words}{hoped}")


async def fetch(walk: Walk, url: str, *, method: str, headers: dict[str, str], data: str | None) -> APIResponse:
    """A request with the session's cookies, redirects followed: what is secret of it stays with the origin it was for.

    Raises StepError, and Playwright's Error as above."""
    walk.pages.opened = True
    headers = walk.headers.of_request(url, headers)
    for _ in range(_MAX_REDIRECTS + 1):
        response = await _fetch_once(walk, url, method=method, headers=headers, data=data)
        location = response.headers.get("location")
        if response.status not in _REDIRECTS or not location:
            return response
        try:
            target = parse_redirect(parse_url(url), location).url
        except BadHostError as error:
            raise StepError(f"{_shown(url)} redirects to a URL that {error}", ErrorCode.PROTOCOL_ERROR) from None
        if origin_of(target) != origin_of(url):
            headers = parted(headers)[0]
        if response.status == 303 or (response.status in (301, 302) and method == "POST"):
            method, data = "HEAD" if method == "HEAD" else "GET", None
        url = target
        await response.dispose()
    raise StepError(f"more than {_MAX_REDIRECTS} redirects, the last to {_shown(url)}", ErrorCode.TOO_MANY_REDIRECTS)


async def _fetch_once(walk: Walk, url: str, *, method: str, headers: dict[str, str], data: str | None) -> APIResponse:
    try:
        return await walk.context.request.fetch(
            url, method=method, headers=headers, data=data, timeout=walk.left_ms, max_redirects=0
        )
    except Error as error:
        refused = walk.proxy.failure_of(url)
        if refused is None:
            raise
        raise StepError(f"{_shown(url)} could not be reached: {refused}", refused.code) from error


def why_not_opened(walk: Walk, url: str, said: str) -> StepError | None:
    """The failure of a goto, from what the browser said of it; None when the page just did not come in time."""
    if _DOWNLOAD in said:
        return StepError(f"{_shown(url)} is a download, not a page; downloads are refused")
    found = _NET_ERROR.search(said)
    if found is None:
        return None
    failed_url = walk.pages.not_opened[0] if walk.pages.not_opened else url
    error = walk.proxy.failure_of(failed_url)
    if error is not None and _THROUGH_THE_PROXY.search(found[1]):
        return StepError(f"{_shown(failed_url)} could not be opened: {error}", error.code)
    for pattern, code, meaning in _MEANINGS:
        if re.match(pattern, found[1]):
            return StepError(f"{_shown(failed_url)} could not be opened: {meaning} ({found[1]})", code)
    return StepError(f"{_shown(failed_url)} could not be opened ({found[1]})")


def check_in_front(walk: Walk) -> None:
    """The browser's own page that says a site is not there is no page of the site, whatever fits on it.

    Raises StepError."""
    if walk.page.url.startswith(_ERROR_PAGE):
        raise StepError("there is no page of the site to look at")


def around(step: Step, walk: Walk) -> str:
    """The rest of a sentence about a step that failed: what else the page did that may be the reason."""
    document, dialog = walk.pages.last_document, walk.pages.dialog
    said = []
    if walk.pages.not_opened is not None:
        said.append(str(why_not_opened(walk, *walk.pages.not_opened) or ""))
    elif document is not None and document.status >= 400 and document.url != getattr(step, "url", None):
        said.append(f"{_shown(document.url)} answered {f'{document.status} {document.status_text}'.strip()}")
    if dialog is not None and dialog.step >= walk.pages.step - 1:
        said.append(f"the page's {dialog.kind} {dialog.message!r} was dismissed")
    return "".join(f"; {words}" for words in said if words)


def _shown(url: str) -> str:
    """Without query and fragment, which may be long and hold what is nobody's business."""
    bare = url.partition("#")[0].partition("?")[0]
    return bare if len(bare) <= 200 else bare[:200] + "…"
