from __future__ import annotations
from tests.api.pages.world import MINUTE_MS, fail, succeed, tell
from tests.api.test_monitors import url_monitor
from tests.api.pages.screens.seen import faults

def test_shots(visit, owner, outage, database, organization, clock):
    ch = owner.data("POST", "/v1/alert-channels", {"name": "Ops room", "type": "slack", "config": {"webhook_url": "https://hooks.slack.com/services/T/B/x"}}, status=201)["id"]
    owner.data("POST", "/v1/alert-channels", {"name": "On call", "type": "email", "config": {"recipients": ["a@example.com"]}}, status=201)
    tell(database, organization, outage.alert_id, "Pager", clock.now_ms, status="failed", attempts=3, last_error="the receiver answered 500")
    check = owner.data("POST", "/v1/monitors", url_monitor(name="Cart", interval=300, locations=["local"], tags=["shop"]), status=201)["id"]
    import random
    random.seed(3)
    start = clock.now_ms
    for n in range(288):
        bad = n in (40, 41, 42, 43, 150, 200, 201, 202, 203, 204, 205, 206)
        if 100 <= n < 112: continue
        (fail if bad else succeed)(database, organization, check, start + n * 5 * MINUTE_MS, location="local", duration_ms=120 + 60 * random.random() + (500 if 240 < n < 256 else 0))
    clock.advance(288 * 5 * MINUTE_MS)
    owner.data("POST", "/v1/alert-rules", {"name": "Down", "type": "consecutive_failures", "threshold": 3, "channels": [ch], "apply_to": {"all": True}}, status=201)
    rule = owner.data("POST", "/v1/alert-rules", {"name": "Slow shop", "type": "response_time", "threshold": 400, "window": 900, "severity": "medium", "channels": [ch], "apply_to": {"tags": ["shop"]}}, status=201)["id"]
    owner.data("POST", "/v1/alert-rules", {"name": "Certificates", "type": "certificate_expiry", "apply_to": {"tags": ["nothing"]}}, status=201)
    owner.data("POST", "/v1/silences", {"match": {"tags": ["shop"]}, "for": 3600, "reason": "deploying v2"}, status=201)
    owner.data("POST", "/v1/maintenance-windows", {"name": "Nightly backup", "cron": "0 3 * * *", "duration": 1800, "apply_to": {"all": True}}, status=201)
    owner.data("POST", "/v1/maintenance-windows", {"name": "Database upgrade", "starts_at": "2024-01-20T22:00:00Z", "ends_at": "2024-01-21T01:00:00Z", "apply_to": {"monitors": [check]}}, status=201)
    page = visit("/alerts/rules")
    page.set_viewport_size({"width": 1280, "height": 800})
    problems = []
    def shoot(name, path, act=None):
        for scheme, size in (("light", 1280), ("dark", 1280), ("light", 360)):
            page.set_viewport_size({"width": size, "height": 800 if size > 400 else 740})
            page.emulate_media(color_scheme=scheme)
            page.goto(path)
            if act: act()
            page.screenshot(path=f"/tmp/ea/{name}-{scheme}-{size}.png", full_page=size > 400)
        problems.extend(f"{name}: {f}" for f in faults(page))
    def try_it():
        page.select_option("#try_on", label="Cart")
        page.select_option("#days", "1")
        page.wait_for_selector("#tried svg")
        page.wait_for_timeout(300)
    shoot("rules", "/alerts/rules")
    shoot("rule-new", "/alerts/rules/new", try_it)
    shoot("rule-slow", f"/alerts/rules/{rule}", try_it)
    shoot("channels", "/alerts/channels")
    shoot("channel", "/alerts/channels/new?type=webhook")
    shoot("silences", "/alerts/silences")
    shoot("maintenance", "/settings/maintenance?month=2024-01")
    shoot("window", "/settings/maintenance/new")
    shoot("why", f"/alerts/why?check={check}")
    shoot("inbox", "/alerts")
    shoot("alert", outage.page)
    assert problems == []
