"""POST /alerts/rules/try: the rule that is being written, on a check's own history: by the function of POST
/v1/alert-rules/backtest. A part of the form's page, and alone for the script that draws it anew as a slider moves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request

from alerts.judging import facts_of
from api import alert_rules as rest
from api.access import Scope
from api.backtests import try_rule
from api.errors import Invalid
from api.pages.alert_rules import asked_type, form_page
from api.pages.backtest_chart import MOST_LISTED, chart, rows, sentence, step_of
from api.pages.forms import beside
from api.pages.gate import page, visitor
from api.pages.rendering import render
from api.pages.rule_forms import body_of, names_of, typed
from api.services import services
from model.times import DAY_MS, iso
from store.alert_reading import channel_names, checks_by_ids
from store.alert_tables import AlertRule
from store.check_choices import check_names
from store.run_history import run_history

pages = Blueprint("backtest_pages", __name__)
DAYS = ("1", "7", "30")
PART = "part"
"""In the form: only this part of the page is wanted."""


@pages.post("/alerts/rules/try")
@page(Scope.RUN)
def try_here() -> Response:
    """Draw it. Nothing is stored."""
    kind = asked_type(request.form.get("type", ""))
    rule = _rule(request.form.get("rule_id", ""))
    wrong: Mapping[str, Any] = {}
    tried: dict[str, Any] = {}
    try:
        tried = _tried(kind, rule)
    except Invalid as error:
        wrong = error.fields or {}
    if PART in request.form:
        said = [
            f"{name.replace('_', ' ')} {message}".strip() for name, message in beside(wrong, names_of(kind)).items()
        ]
        return render("backtest.html", no_store=True, tried=tried, unready=said)
    return form_page(kind, typed(kind), rule=rule, wrong=wrong, status=422 if wrong else 200, tried=tried)


def _rule(rule_id: str) -> AlertRule | None:
    if not rule_id:
        return None
    with services().database.read(visitor().caller.organization_id) as session:
        return rest.found_rule(session, rule_id)


def _tried(kind: str, rule: AlertRule | None) -> dict[str, Any]:
    """What the template shows. Invalid."""
    who, state = visitor().caller, services()
    days, check_id = request.form.get("days", "7"), request.form.get("try_on", "")
    if days not in DAYS:
        raise Invalid({"days": [f"must be one of {', '.join(DAYS)}"]})
    body = body_of(kind)
    body["name"] = body["name"] or "backtest"
    if check_id:
        side = "journeys" if check_id.startswith("jny_") else "monitors"
        body["apply_to"] = {side: [check_id]}
    with state.database.read(who.organization_id) as session:
        now_ms = state.database.now_ms(session)
    body["from"], body["to"] = iso(now_ms - int(days) * DAY_MS), iso(now_ms)
    tried, period, warnings = try_rule(who, body, rule.definition if rule is not None else None)
    with state.database.read(who.organization_id) as session:
        names = check_names(session, {alert.check_id for alert in tried.alerts} | ({check_id} if check_id else set()))
        channels = channel_names(session, tried.notices)
        shown = _chart(session, check_id, names, tried, period, body) if check_id else None
    return {
        "sentence": sentence(tried, period, channels),
        "chart": shown,
        "rows": [] if check_id else rows(tried, period, names),
        "checks": len({alert.check_id for alert in tried.alerts}),
        "alerts": tried.alerts[-MOST_LISTED:][::-1],
        "total": len(tried.alerts),
        "names": names,
        "period": period,
        "warnings": [warning for warning in warnings if not warning.startswith("it names no channel")],
        "now_ms": now_ms,
    }


def _chart(session: Any, check_id: str, names: Any, tried: Any, period: tuple[int, int], body: Any) -> Any:
    check = checks_by_ids(session, [check_id])[check_id]
    step_ms = step_of(period, facts_of(check).interval_ms)
    timed = body["type"] == "response_time"
    return chart(
        names[check_id],
        run_history(session, check_id, period, step_ms),
        tried.alerts,
        period,
        step_ms,
        timed=timed,
        threshold=float(body["threshold"]) if timed else None,
    )
