"""POST /v1/alert-rules/backtest: what a rule would have done, on stored runs. A rule is tuned in seconds that way,
instead of in weeks of noise."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from alerts.backtest import Backtest, backtest
from alerts.coverage import ground_of, warnings_of
from alerts.rules.base import Covered, RuleDefinition
from api.access import Caller, Scope, caller
from api.alert_rules import READ_ONLY, definition_of, refuse_unknown
from api.envelope import success
from api.errors import Invalid
from api.routes import Routes
from api.schemas.rules import BACKTESTS, BacktestAnswer, BacktestRequest
from api.services import services
from api.typed_document import judged, of_type
from model.definition import DEFAULT_INTERVAL_S
from model.times import DAY_MS, iso, parse_iso
from store.points import count_points
from store.sessions import EVERY_ORGANIZATION

routes = Routes("Backtest", "A rule tried on the runs that are stored.")
DEFAULT_MS = 7 * DAY_MS
LONGEST_DAYS = 90
MOST_RUNS = 200_000
"""Judged in one request, some seconds of work: more is refused, never silently left out. A rule with a window looks at
all of it for each run, so a run counts for more where a window holds many."""
_WINDOW_RUNS = 400
"""So many runs in a window cost as much again as the run itself."""
_PERIOD = ("from", "to")


@routes.post("/v1/alert-rules/backtest", needs=Scope.RUN, answers=BacktestAnswer, accepts=BacktestRequest)
def backtest_alert_rule(body: dict[str, Any]) -> Response:
    """Try a rule, which need not exist, on the runs due from `from` until before `to`.

    Answers the alerts it would have raised, by the function that judges live results, and how many messages each of its
    channels would have got. The last 7 days unless said otherwise, at most 90, and at most 200,000 runs (fewer where a
    long window holds many).
    """
    judged(of_type(BACKTESTS, body, "alert rule"), body, READ_ONLY)
    tried, _, warnings = try_rule(caller(), body)
    return success(_shape(tried), warnings=warnings)


def try_rule(
    who: Caller, body: Mapping[str, Any], old: Mapping[str, Any] | None = None
) -> tuple[Backtest, tuple[int, int], list[str]]:
    """What a rule would have done, the period [from, to) that it was tried on, and warnings. `old`: the definition it
    has so far, which may name what was deleted since. Invalid."""
    state = services()
    rule = {name: value for name, value in body.items() if name not in _PERIOD}
    definition = definition_of({"name": "backtest", **rule})
    with state.database.read(who.organization_id) as session:
        from_ms, to_ms = _period(body, state.database.now_ms(session))
        refuse_unknown(session, definition, old)
        ground = ground_of(session, [definition])
    with state.database.read(EVERY_ORGANIZATION) as session:
        _refuse_too_many(session, definition, ground.covered(definition.apply_to), (from_ms, to_ms))
        tried = backtest(session, who.organization_id, definition, from_ms, to_ms)
    return tried, (from_ms, to_ms), [*_left_out(tried), *warnings_of(ground, definition)]


def _left_out(tried: Backtest) -> list[str]:
    if not tried.left_out:
        return []
    were = "1 run was" if tried.left_out == 1 else f"{tried.left_out:,} runs were"
    return [f"{were} left out: of what a check asked before it was edited, or from a location it has left"]


def _period(body: Mapping[str, Any], now_ms: int) -> tuple[int, int]:
    """[from, to) in ms. What lies ahead has no runs, so it ends now."""
    given_from, given_to = body.get("from"), body.get("to")
    to_ms = now_ms if given_to is None else min(parse_iso(given_to), now_ms)
    from_ms = to_ms - DEFAULT_MS if given_from is None else parse_iso(given_from)
    if from_ms >= to_ms:
        raise Invalid({"from": [f"must be before {'to' if given_to is not None else 'now'}"]})
    if to_ms - from_ms > LONGEST_DAYS * DAY_MS:
        raise Invalid({"from": [f"must not be more than {LONGEST_DAYS} days before to"]})
    return from_ms, to_ms


def _refuse_too_many(
    session: Session, definition: RuleDefinition, covered: Sequence[Covered], period: tuple[int, int]
) -> None:
    left: float = MOST_RUNS
    window_s = definition.memory().window_ms / 1000
    for check in covered:
        interval_s = check.definition.get("interval") or DEFAULT_INTERVAL_S
        weight = 1 + window_s / interval_s / _WINDOW_RUNS
        left -= weight * count_points(session, check.id, *period, math.ceil(left / weight) + 1)
        if left < 0:
            less = "a shorter time, fewer checks in apply_to" + (", or a shorter window" if window_s else "")
            raise Invalid({"from": [f"is more work than {MOST_RUNS:,} runs, which is the most at once: give {less}"]})


def _shape(tried: Backtest) -> dict[str, Any]:
    return {
        "alerts": [
            {
                "check_id": alert.check_id,
                "triggered_at": iso(alert.triggered_ms),
                "resolved_at": iso(alert.resolved_ms),
                "run_ids": list(alert.run_ids),
            }
            for alert in tried.alerts
        ],
        "notices": tried.notices,
    }
