"""Every route that changes something: what the audit log says of it, and how to have it done once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from alerts.acknowledge_links import acknowledge_url
from tests.api.audited_alerting import DEEDS_ON_ALERTING_PAGES
from tests.api.audited_people import DEEDS_OF_PEOPLE
from tests.api.audited_place import HOOK, POST, WINDOW, Deed, Place, Rest
from tests.api.audited_rooms import DEEDS_IN_ROOMS
from tests.api.client import Client
from tests.api.conftest import INTERNAL_TOKEN, PUBLIC_URL
from tests.api.journeys import SEED as JOURNEY
from tests.api.test_monitors import url_monitor

CHANGES_NOTHING = {
    ("POST", "/v1/alert-rules/backtest"): "it computes what a rule would have done, and stores nothing",
    ("POST", "/alerts/rules/try"): "it draws what a rule would have done, and stores nothing",
    ("POST", "/v1/probe/lease"): "what probes measure is data, told by the runs themselves",
    ("POST", "/v1/probe/results"): "what probes measure is data, told by the runs themselves",
    ("PUT", "/v1/probe/artifacts/<sha256>"): "what probes measure is data, told by the runs themselves",
    ("POST", "/status/<slug>/subscribe"): "strangers ask for mails: nothing of the organization's changes",
    ("POST", "/status/<slug>/confirm/<token>"): "strangers ask for mails: nothing of the organization's changes",
    ("POST", "/status/<slug>/unsubscribe/<token>"): "strangers ask for mails: nothing of the organization's changes",
    ("POST", "/api/traces"): "what agents do is data, told by their runs",
    ("POST", "/api/traces/<agent_session_id>/events"): "what agents do is data, told by their runs",
    ("POST", "/api/traces/<agent_session_id>/artifacts"): "what agents do is data, told by their runs",
    ("POST", "/v1/events"): "what SDKs send is data, told by the events themselves",
    ("POST", "/v1/traces"): "what SDKs send is data, told by the spans themselves",
    ("POST", "/v1/otlp/traces"): "what SDKs send is data, told by the spans themselves",
    ("POST", "/v1/otlp/v1/traces"): "what SDKs send is data, told by the spans themselves",
    ("POST", "/v1/ingest"): "what SDKs send is data, told by the items themselves",
    ("POST", "/v1/releases"): "what a build says is data, told by the list of releases",
    ("POST", "/v1/sourcemaps"): "what a build hands in is data, told by the frames that it maps",
    ("POST", "/ping/<token>"): "a ping is data, told by the run that it makes",
    ("POST", "/ping/<token>/<signal>"): "a ping is data, told by the run that it makes",
}
"""Routes that take POST, PUT or DELETE and leave no event, each with the reason."""


def sign_in(place: Place) -> Callable[[], Any]:
    return lambda: place.browser.sign_in(place.owner.key)


def signed_in(send: Callable[[Place, str], Any]) -> Deed:
    def prepare(place: Place) -> Callable[[], Any]:
        alert = place.alert()
        place.browser.sign_in(place.owner.key)
        return lambda: send(place, alert)

    return prepare


def resolve_on_its_page(place: Place) -> Callable[[], Any]:
    """Its button is the form's own once somebody has the alert."""
    alert = place.alert()
    place.owner.data("POST", f"/v1/alerts/{alert}/acknowledge")
    place.browser.sign_in(place.owner.key)
    return lambda: place.browser.send(f"/alerts/{alert}", f"/alerts/{alert}/resolve")


def follow_link(place: Place) -> Callable[[], Any]:
    alert = place.alert()
    url = acknowledge_url(place.keyring, PUBLIC_URL, alert, place.clock.now_ms)
    return lambda: place.browser.post(url.removeprefix(PUBLIC_URL), {})


def rest_on_update(method: str, body: Any = None) -> Deed:
    def prepare(place: Place) -> Callable[[], Any]:
        page, update = place.status_update()
        return lambda: place.owner(method, f"/v1/status-pages/{page}/updates/{update}", body)

    return prepare


def on_a_status_page(path: str, action: str, fields: dict[str, str]) -> Deed:
    """A form of the settings, about a page that has an update: {page}, {update}."""

    def prepare(place: Place) -> Callable[[], Any]:
        page, update = place.status_update()
        place.browser.sign_in(place.owner.key)
        here, there = (f"/settings/status-pages{part.format(page=page, update=update)}" for part in (path, action))
        return lambda: place.browser.send(here, there, **fields)

    return prepare


def try_out(place: Place) -> Callable[[], Any]:
    place.online()
    return lambda: place.owner("POST", "/v1/monitors/try?wait=0", url_monitor())


def try_journey_out(place: Place) -> Callable[[], Any]:
    place.online()
    return lambda: place.owner("POST", "/v1/journeys/try?wait=0", {**JOURNEY, "locations": ["local"]})


def run_tag(place: Place) -> Callable[[], Any]:
    place.journey()
    return lambda: place.owner("POST", "/v1/journeys/run-tag/smoke")


def revoke_public_key(place: Place) -> Callable[[], Any]:
    reports = place.reports()
    return lambda: place.owner("DELETE", f"/v1/projects/{reports.project['slug']}/keys/{reports.key}")


def put_analysis(place: Place) -> Callable[[], Any]:
    session, server = place.agent_session(), Client(place.owner.client, INTERNAL_TOKEN)
    return lambda: server("PUT", f"/api/traces/{session}/analysis", {"detectors": []})


def make_event_rule(place: Place) -> Callable[[], Any]:
    rule = {"name": "Errors", "project": place.project()}
    return lambda: place.owner("POST", "/v1/alerts/rules", rule)


CHANGES: dict[tuple[str, str], tuple[Deed, str]] = {
    ("POST", "/v1/monitors"): (Rest("POST", "/v1/monitors", url_monitor()), "monitor.created"),
    ("PUT", "/v1/monitors/<monitor_id>"): (Rest("PUT", "/v1/monitors/{monitor}", {"name": "N"}), "monitor.updated"),
    ("DELETE", "/v1/monitors/<monitor_id>"): (Rest("DELETE", "/v1/monitors/{monitor}"), "monitor.deleted"),
    ("POST", "/v1/monitors/<monitor_id>/run"): (Rest("POST", "/v1/monitors/{monitor}/run"), "monitor.run"),
    ("POST", "/v1/monitors/try"): (try_out, "monitor.tried"),
    ("POST", "/v1/journeys/try"): (try_journey_out, "journey.tried"),
    ("POST", "/v1/journeys"): (Rest("POST", "/v1/journeys", JOURNEY), "journey.created"),
    ("PUT", "/v1/journeys/<journey_id>"): (Rest("PUT", "/v1/journeys/{journey}", {"name": "N"}), "journey.updated"),
    ("DELETE", "/v1/journeys/<journey_id>"): (Rest("DELETE", "/v1/journeys/{journey}"), "journey.deleted"),
    ("POST", "/v1/journeys/<journey_id>/run"): (Rest("POST", "/v1/journeys/{journey}/run"), "journey.run"),
    ("POST", "/v1/journeys/run-tag/<path:tag>"): (run_tag, "batch.created"),
    ("POST", "/v1/variables"): (Rest("POST", "/v1/variables", {"name": "A", "value": "x"}), "variable.created"),
    ("PUT", "/v1/variables/<variable>"): (Rest("PUT", "/v1/variables/{variable}", {"value": "y"}), "variable.updated"),
    ("DELETE", "/v1/variables/<variable>"): (Rest("DELETE", "/v1/variables/{variable}"), "variable.deleted"),
    ("POST", "/v1/alert-rules"): (Rest("POST", "/v1/alert-rules", {"name": "R", "type": "no_data"}), "rule.created"),
    ("PUT", "/v1/alert-rules/<rule_id>"): (Rest("PUT", "/v1/alert-rules/{rule}", {"name": "N"}), "rule.updated"),
    ("DELETE", "/v1/alert-rules/<rule_id>"): (Rest("DELETE", "/v1/alert-rules/{rule}"), "rule.deleted"),
    ("POST", "/v1/alert-channels"): (Rest("POST", "/v1/alert-channels", HOOK), "channel.created"),
    ("PUT", "/v1/alert-channels/<channel_id>"): (
        Rest("PUT", "/v1/alert-channels/{channel}", {"name": "N"}), "channel.updated",
    ),
    ("DELETE", "/v1/alert-channels/<channel_id>"): (Rest("DELETE", "/v1/alert-channels/{channel}"), "channel.deleted"),
    ("POST", "/v1/alert-channels/<channel_id>/test"): (
        Rest("POST", "/v1/alert-channels/{channel}/test"), "channel.tested",
    ),
    ("POST", "/v1/webhooks/<channel_id>/test"): (Rest("POST", "/v1/webhooks/{channel}/test"), "channel.tested"),
    ("POST", "/v1/notifications/<notification_id>/resend"): (
        Rest("POST", "/v1/notifications/{notification}/resend"), "notification.resent",
    ),
    ("POST", "/v1/maintenance-windows"): (
        Rest("POST", "/v1/maintenance-windows", WINDOW), "maintenance_window.created",
    ),
    ("PUT", "/v1/maintenance-windows/<window_id>"): (
        Rest("PUT", "/v1/maintenance-windows/{window}", {"name": "N"}), "maintenance_window.updated",
    ),
    ("POST", "/v1/maintenance-windows/<window_id>/end"): (
        Rest("POST", "/v1/maintenance-windows/{window_now}/end"), "maintenance_window.updated",
    ),
    ("DELETE", "/v1/maintenance-windows/<window_id>"): (
        Rest("DELETE", "/v1/maintenance-windows/{window}"), "maintenance_window.deleted",
    ),
    ("POST", "/v1/silences"): (
        Rest("POST", "/v1/silences", {"match": {"all": True}, "for": 60}), "silence.created",
    ),
    ("DELETE", "/v1/silences/<silence_id>"): (Rest("DELETE", "/v1/silences/{silence}"), "silence.ended"),
    ("POST", "/v1/status-pages"): (
        Rest("POST", "/v1/status-pages", {"slug": "s", "title": "S"}), "status_page.created",
    ),
    ("PUT", "/v1/status-pages/<page_id>"): (
        Rest("PUT", "/v1/status-pages/{page}", {"title": "N"}), "status_page.updated",
    ),
    ("DELETE", "/v1/status-pages/<page_id>"): (Rest("DELETE", "/v1/status-pages/{page}"), "status_page.deleted"),
    ("POST", "/v1/status-pages/<page_id>/updates"): (
        Rest("POST", "/v1/status-pages/{page}/updates", POST), "status_update.created",
    ),
    ("PUT", "/v1/status-pages/<page_id>/updates/<update_id>"): (
        rest_on_update("PUT", {"message": "Other words"}), "status_update.updated",
    ),
    ("DELETE", "/v1/status-pages/<page_id>/updates/<update_id>"): (rest_on_update("DELETE"), "status_update.deleted"),
    ("POST", "/settings/status-pages/new"): (
        on_a_status_page("/new", "/new", {"slug": "made-here", "title": "M", "public": "yes"}), "status_page.created",
    ),
    ("POST", "/settings/status-pages/<page_id>"): (
        on_a_status_page("/{page}", "/{page}", {"slug": "moved", "title": "M", "public": "yes"}), "status_page.updated",
    ),
    ("POST", "/settings/status-pages/<page_id>/delete"): (
        on_a_status_page("/{page}", "/{page}/delete", {}), "status_page.deleted",
    ),
    ("POST", "/settings/status-pages/<page_id>/updates"): (
        on_a_status_page("/{page}/updates", "/{page}/updates", POST), "status_update.created",
    ),
    ("POST", "/settings/status-pages/<page_id>/updates/<update_id>"): (
        on_a_status_page("/{page}/updates", "/{page}/updates/{update}", {"message": "Other words"}),
        "status_update.updated",
    ),
    ("POST", "/settings/status-pages/<page_id>/updates/<update_id>/delete"): (
        on_a_status_page("/{page}/updates", "/{page}/updates/{update}/delete", {}), "status_update.deleted",
    ),
    ("POST", "/v1/alerts/<alert_id>/acknowledge"): (
        Rest("POST", "/v1/alerts/{alert}/acknowledge"), "alert.acknowledged",
    ),
    ("POST", "/v1/alerts/<alert_id>/resolve"): (Rest("POST", "/v1/alerts/{alert}/resolve"), "alert.resolved"),
    ("POST", "/v1/projects"): (
        Rest("POST", "/v1/projects", {"name": "Shop", "slug": "shop"}), "project.created project_key.created",
    ),
    ("PUT", "/v1/projects/<project_id>"): (Rest("PUT", "/v1/projects/{project}", {"name": "N"}), "project.updated"),
    ("DELETE", "/v1/projects/<project_id>"): (
        Rest("DELETE", "/v1/projects/{project}"), "project_key.deleted project.deleted",
    ),
    ("POST", "/v1/projects/<project_id>/keys"): (Rest("POST", "/v1/projects/{project}/keys"), "project_key.created"),
    ("DELETE", "/v1/projects/<project_id>/keys/<public_key>"): (revoke_public_key, "project_key.deleted"),
    ("POST", "/v1/alerts/rules"): (make_event_rule, "rule.created"),
    ("PUT", "/v1/alerts/rules/<event_rule_id>"): (
        Rest("PUT", "/v1/alerts/rules/{event_rule}", {"threshold": 9}), "rule.updated",
    ),
    ("DELETE", "/v1/alerts/rules/<event_rule_id>"): (
        Rest("DELETE", "/v1/alerts/rules/{event_rule}"), "rule.deleted",
    ),
    ("PUT", "/v1/issues/<issue_id>"): (Rest("PUT", "/v1/issues/{issue}", {"status": "resolved"}), "issue.resolved"),
    ("POST", "/api/traces/<agent_session_id>/analyze"): (
        Rest("POST", "/api/traces/{agent_session}/analyze"), "agent_session.analyzed",
    ),
    ("PATCH", "/api/incidents/<incident_id>"): (
        Rest("PATCH", "/api/incidents/{incident}", {"status": "investigating"}), "incident.updated",
    ),
    ("POST", "/api/incidents/<incident_id>/fix-agent"): (
        Rest("POST", "/api/incidents/{incident}/fix-agent", {}), "incident.fix_requested incident.fix_fallback",
    ),
    ("POST", "/api/incidents/<incident_id>/regression-runs"): (
        Rest("POST", "/api/incidents/{incident}/regression-runs", {}), "incident.regression_started",
    ),
    ("PUT", "/api/traces/<agent_session_id>/analysis"): (put_analysis, "agent_session.analysis_put"),
    ("POST", "/v1/probes"): (Rest("POST", "/v1/probes", {"name": "p", "location": "x"}), "probe.created"),
    ("DELETE", "/v1/probes/<probe_id>"): (Rest("DELETE", "/v1/probes/{probe}"), "probe.deleted"),
    ("POST", "/v1/api-keys"): (Rest("POST", "/v1/api-keys", {"name": "k", "scopes": ["read"]}), "key.created"),
    ("DELETE", "/v1/api-keys/<key_id>"): (Rest("DELETE", "/v1/api-keys/{key}"), "key.deleted"),
    ("PUT", "/v1/organization"): (Rest("PUT", "/v1/organization", {"name": "New"}), "organization.updated"),
    ("POST", "/login"): (sign_in, "session.began"),
    ("POST", "/logout"): (signed_in(lambda place, _: place.browser.send("/alerts", "/logout")), "session.ended"),
    ("POST", "/alerts/<alert_id>/acknowledge"): (
        signed_in(lambda place, alert: place.browser.send(f"/alerts/{alert}", f"/alerts/{alert}/acknowledge")),
        "alert.acknowledged",
    ),
    ("POST", "/alerts/<alert_id>/resolve"): (
        resolve_on_its_page, "alert.resolved",
    ),
    ("POST", "/ack/<link>"): (follow_link, "alert.acknowledged"),
    **DEEDS_OF_PEOPLE,
    **DEEDS_ON_ALERTING_PAGES,
    **DEEDS_IN_ROOMS,
}  # fmt: skip
"""What each route that changes something is told as, and how to have it done once."""
SWITCHES = {("POST", "/v1/organizations/<organization_id>/switch"), ("POST", "/account/organization")}
"""Told in both organizations: an end in one, a beginning in the other."""
