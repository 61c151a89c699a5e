"""/ack/:link: acknowledge an alert from its notice, with no sign-in. Opening the link changes nothing: mail scanners
and previews open every link; the button acts."""

from __future__ import annotations

from flask import Blueprint, Response

from alerts.acknowledge_links import PATH, BadLinkError, ExpiredLinkError, alert_of_link
from alerts.lifecycle import AlreadyResolvedError, acknowledge
from api.actors import act_as_holder
from api.errors import NotFound
from api.pages.forms import refuse_foreign_origin
from api.pages.gate import page
from api.pages.rendering import go_to, render
from api.pages.summaries import runbook_of, summary
from api.services import services
from store.alert_reading import checks_by_ids, rule_types, runs_by_ids
from store.alert_tables import Alert
from store.alerts import get_alert, lock_alert
from store.sessions import EVERY_ORGANIZATION
from store.write_lock import Urgency

pages = Blueprint("acknowledging", __name__)
BY = "link in a notice"


@pages.get(f"{PATH}<link>")
@page(None)
def show_link(link: str) -> Response:
    """What the alert is, and the button."""
    return _page(link)


@pages.post(f"{PATH}<link>")
@page(None)
def follow_link(link: str) -> Response:
    """Acknowledge. The link is the right to; a form of another site is refused all the same."""
    refuse_foreign_origin()
    act_as_holder(BY)
    state = services()
    try:
        with state.database.read(EVERY_ORGANIZATION) as session:
            now_ms = state.database.now_ms(session)
            of_link = _kept(get_alert(session, alert_of_link(state.keyring, link, now_ms)))
        with state.database.write(of_link.organization_id, Urgency.PEOPLE) as session:
            now_ms = state.database.now_ms(session)
            alert = _kept(lock_alert(session, of_link.id))
            acknowledge(session, alert, by=BY, note=None, now_ms=now_ms)
    except AlreadyResolvedError:
        return _page(link, 409)
    except BadLinkError as error:
        return _refused(error)
    return go_to(f"{PATH}{link}")


def _page(link: str, status: int = 200) -> Response:
    state = services()
    with state.database.read(EVERY_ORGANIZATION) as session:
        now_ms = state.database.now_ms(session)
        try:
            alert = _kept(get_alert(session, alert_of_link(state.keyring, link, now_ms)))
        except BadLinkError as error:
            return _refused(error)
        check = checks_by_ids(session, [alert.check_id]).get(alert.check_id)
        rule_type = rule_types(session, [alert.rule_id]).get(alert.rule_id)
        shown = summary(alert, check, now_ms, runs_by_ids(session, alert.run_ids), rule_type=rule_type)
        return render(
            "acknowledge.html",
            status,
            no_store=True,
            alert=alert,
            summary=shown,
            runbook=runbook_of(check),
            link=link,
            now_ms=now_ms,
        )


def _kept(alert: Alert | None) -> Alert:
    if alert is None:
        raise NotFound("The alert of this link is older than alerts are kept")
    return alert


def _refused(error: BadLinkError) -> Response:
    expired = isinstance(error, ExpiredLinkError)
    alert_id = error.alert_id if isinstance(error, ExpiredLinkError) else None
    return render("bad_link.html", 403 if expired else 404, expired=expired, alert_id=alert_id)
