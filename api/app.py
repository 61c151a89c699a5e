"""The Flask app: every REST path, its gate, its errors and its documentation, on services that the caller provides."""

from __future__ import annotations

from pathlib import Path

from flask import Flask

from api import (
    access,
    actors,
    artifact_serving,
    attempts,
    conditional,
    cors,
    docs_page,
    errors,
    metrics,
    requests,
    security_txt,
)
from api.access import OPEN, needs
from api.json_body import MAX_BODY_BYTES
from api.openapi import DocumentedApp
from api.pages import (
    account,
    acknowledging,
    agent_run,
    agents,
    alert_channels,
    alert_list,
    alert_rules,
    audit,
    backtests,
    check_deeds,
    fleet,
    generations,
    joining,
    journey_editor,
    keys,
    maintenance,
    monitor_editor,
    monitors,
    overview,
    people,
    projects,
    query,
    rendering,
    secrets,
    settings_organization,
    sign_in,
    silences,
    status,
    status_settings,
    subscribing,
    traces,
    why,
)
from api.pages import alerts as alert_pages
from api.pages import event_rules as event_rule_pages
from api.pages import incident as incident_page
from api.pages import incidents as incident_pages
from api.pages import issues as issue_pages
from api.pages import journeys as journey_pages
from api.pages import releases as release_pages
from api.pages import runs as run_pages
from api.pages import usage as usage_pages
from api.pages.errors import error_page
from api.resources import RESOURCES
from api.services import SchedulerFigures, Services, install
from model.settings import Settings
from store.keyring import Keyring
from store.sessions import Database

_HERE = Path(__file__).parent


def create_app(
    database: Database, keyring: Keyring, settings: Settings, scheduler_figures: SchedulerFigures | None = None
) -> Flask:
    """A WSGI app that keeps no state of its own. `scheduler_figures`: of a scheduler in this process, for /metrics."""
    app = DocumentedApp(
        "api", static_folder=str(_HERE / "static"), static_url_path="/static", template_folder=str(_HERE / "templates")
    )
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        PROVIDE_AUTOMATIC_OPTIONS=False,
        TRAP_HTTP_EXCEPTIONS=False,
    )
    app.url_map.merge_slashes = False  # a redirect would drop the body of a POST
    app.url_map.strict_slashes = True
    install(app, Services(database, keyring, settings, scheduler_figures))
    errors.install(app, error_page)
    requests.install(app)
    actors.install(app)
    access.install(app)
    conditional.install(app)
    cors.install(app)
    needs(OPEN)(app.view_functions["static"])
    for routes in RESOURCES:
        app.add_routes(routes)
    app.register_blueprint(metrics.pages)
    app.register_blueprint(docs_page.pages)
    app.register_blueprint(security_txt.pages)
    app.register_blueprint(artifact_serving.pages)
    rendering.install(app)
    attempts.install(app)
    for family in (
        overview,
        monitors,
        check_deeds,
        monitor_editor,
        sign_in,
        joining,
        account,
        people,
        keys,
        alert_list,
        alert_pages,
        alert_rules,
        backtests,
        event_rule_pages,
        alert_channels,
        silences,
        maintenance,
        why,
        run_pages,
        acknowledging,
        journey_pages,
        journey_editor,
        issue_pages,
        traces,
        query,
        release_pages,
        generations,
        projects,
        agents,
        agent_run,
        incident_pages,
        incident_page,
        fleet,
        settings_organization,
        secrets,
        usage_pages,
        audit,
        status,
        subscribing,
        status_settings,
    ):
        app.register_blueprint(family.pages)
    return app
