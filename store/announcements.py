"""What a transaction has to tell the listeners of an organization's stream: collected as it happens, written last.

    announce(session, organization_id, "run_…")                     a run has ended
    announce(session, organization_id, {"turned": "run_…"})         and its location changed its mind with it
    announce(session, organization_id, {"alert": {…}})              as the message will say it
    announce(session, organization_id, {"walk": "run_…"})           a journey has come further

A message's number is given under the row lock of the organization's head, which is held until the commit: a listener
who has seen 7 will never find a new 6 behind it. So that nobody waits longer than a commit takes, Database.write does
it at the very end, whatever came first in the transaction; a transaction that fails tells nothing and leaves no hole.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from sqlalchemy import text
from sqlalchemy.orm import Session

from store.wakeups import wake

News = str | dict[str, object]
_ANNOUNCED = "announced"
_encode = msgspec.json.Encoder().encode
_NUMBER = text(
    "INSERT INTO stream_heads (organization_id, seq) VALUES (:organization_id, :count) ON CONFLICT (organization_id) "
    "DO UPDATE SET seq = stream_heads.seq + :count RETURNING seq"
)
_PAGE = text(
    "INSERT INTO stream_pages (organization_id, last_seq, at_ms, news) VALUES (:organization_id, :seq, :at_ms, :news)"
)


def stream_topic(organization_id: str) -> str:
    """The wake-up that something of an organization's checks was committed."""
    return f"check:{organization_id}"


def announce(session: Session, organization_id: str, *news: News) -> None:
    """Tell the stream of this organization, if and when this transaction commits."""
    if news:
        session.info.setdefault(_ANNOUNCED, {}).setdefault(organization_id, []).extend(news)
        wake(session, stream_topic(organization_id))


def write_announced(session: Session, now_ms: Callable[[Session], int]) -> None:
    """The last statements of a transaction: a page for each organization, in the order of their ids."""
    announced: dict[str, list[News]] = session.info.pop(_ANNOUNCED, {})
    if not announced:
        return
    session.flush()
    connection, at_ms = session.connection(), now_ms(session)
    for organization_id, news in sorted(announced.items()):
        counted = {"organization_id": organization_id, "count": len(news)}
        seq = connection.execute(_NUMBER, counted).scalar_one()
        page = {"organization_id": organization_id, "seq": seq, "at_ms": at_ms, "news": _encode(news).decode()}
        connection.execute(_PAGE, page)
