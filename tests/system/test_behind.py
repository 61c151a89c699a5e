"""The story of docs/how-to/point-an-sdk-here.md: a service with OpenTelemetry's own SDK starts to fail with a release,
and one alert leads from the failed check to the exception and the release. Real processes, real traffic."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

from model.times import iso
from tests.alerts.channels.http_sink import HttpSink, http_sink
from tests.system.processes import OWNER_KEY, free_port, wait_for
from tests.system.stack import Stack

PAGE = (Path(__file__).parents[2] / "docs/how-to/point-an-sdk-here.md").read_text(encoding="utf-8")
PAUSED_S = 3.0
"""A pause bites within a second and the second that runs are given out ahead."""
EMPTY: Any = {"trace": {"spans": []}}
_SERVE = "\nif __name__ == '__main__':\n    import sys\n    app.run(port=int(sys.argv[1]), threaded=True)\n"


def service() -> str:
    """As the page has it."""
    [found] = re.findall(r"^```py\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    return str(found)


@contextmanager
def running(folder: Path, program: str, release: str, port: int, environment: dict[str, str]) -> Iterator[None]:
    """The service in a process of its own, once it answers."""
    path = folder / f"{release.partition('@')[2]}.py"
    path.write_text(program + _SERVE)
    attributes = f"service.name=shop,service.version={release},deployment.environment.name=production"
    log = (folder / f"{release}.log").open("w")
    process = subprocess.Popen(
        [sys.executable, str(path), str(port)], stdout=log, stderr=log,
        env={**os.environ, **environment, "OTEL_RESOURCE_ATTRIBUTES": attributes},
    )  # fmt: skip
    try:
        wait_for(lambda: answers(port), f"the shop to answer\n{(folder / f'{release}.log').read_text()}", 30)
        yield
    finally:
        process.kill()
        process.wait()
        log.close()


def answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/static/none").close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


HEARD_S = 2.5
"""A pause counts within two seconds (R7); what began before has half a second to end."""


def seen_by_a_person(url: str, path: str) -> str:
    """A page, after a sign-in."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    form = opener.open(f"{url}/login").read().decode()
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
    asked = urllib.request.Request(
        f"{url}/login", urllib.parse.urlencode({**fields, "api_key": OWNER_KEY}).encode(), {"Origin": url}
    )
    opener.open(asked).close()
    return str(opener.open(f"{url}{path}").read().decode())


def triggered(on_call: HttpSink) -> list[Any]:
    """What was told of alerts; on a slow machine Tracer may say something of itself, too."""
    told = [each.json for each in list(on_call.received)]
    return [each["data"] for each in told if each["type"] == "alert.triggered"]


def run_of(stack: Stack, monitor: str, status: str) -> Any:
    """The newest run of that status, with all that is known of it."""
    found = stack.api("GET", f"/v1/monitors/{monitor}/runs?status={status}&per_page=1")["data"]
    return stack.api("GET", f"/v1/runs/{found[0]['id']}")["data"] if found else None


def test_a_failed_check_leads_to_the_exception_the_release_and_one_alert(stack: Stack, tmp_path: Path) -> None:
    stack.add_probe("probe")
    port = free_port()
    project = stack.api("POST", "/v1/projects", {"name": "Shop", "slug": "shop"})
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"{stack.url}/v1/otlp",
        "OTEL_EXPORTER_OTLP_HEADERS": f"x-open-sentry-key={project['keys'][0]['public_key']}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    }
    with http_sink() as on_call:
        channel = {"name": "hook", "type": "webhook", "config": {"url": on_call.url}}
        told = [stack.api("POST", "/v1/alert-channels", channel)["data"]["id"]]
        rule = {"name": "down", "type": "consecutive_failures", "threshold": 2, "apply_to": {"all": True}}
        stack.api("POST", "/v1/alert-rules", {**rule, "channels": told})
        good = service()
        with running(tmp_path, good, "shop@1.0.0", port, environment):
            monitor = stack.monitor(
                f"http://127.0.0.1:{port}/checkout/dune", name="Checkout", type="api", interval=1
            )["id"]  # fmt: skip
            wait_for(
                lambda: (run_of(stack, monitor, "success") or {}).get("trace", {}).get("spans"), "a traced run", 30
            )
            stack.api("PUT", f"/v1/monitors/{monitor}", {"status": "paused"})  # the shop will be down for its deploy
            paused = time.monotonic()
            wait_for(lambda: time.monotonic() > paused + HEARD_S, "the pause to be heard of by all", 2 * HEARD_S)
        live_ms = round(time.time() * 1000)
        release = {"project": "shop", "release": "shop@2.0.0", "deployed_at": iso(live_ms)}
        key = stack.api("POST", "/v1/api-keys", {"name": "build", "scopes": ["ingest"]})["data"]["key"]
        told_of = urllib.request.Request(
            f"{stack.url}/v1/releases", json.dumps(release).encode(),
            {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        )  # fmt: skip
        urllib.request.urlopen(told_of).close()
        with running(tmp_path, good.replace('{"dune": 12}', "{}"), "shop@2.0.0", port, environment):
            stack.api("PUT", f"/v1/monitors/{monitor}", {"status": "active"})
            wait_for(lambda: bool(triggered(on_call)), "the alert's notice", 60)
            failed = run_of(stack, monitor, "failed")
            page = seen_by_a_person(stack.url, f"/runs/{failed['id']}")

    [notice] = triggered(on_call)
    issue = notice["issue"]
    assert (issue["title"], issue["first_release"]) == ("KeyError: 'dune'", "shop@2.0.0")
    [alert] = stack.api("GET", "/v1/alerts")["data"]
    assert notice["alert"]["id"] == alert["id"]

    assert failed["response"]["status_code"] == 500
    outer, inner = failed["trace"]["spans"]
    assert (outer["name"], inner["name"], inner["parent_span_id"]) == (
        "GET /checkout", "price of the basket", outer["span_id"],
    )  # fmt: skip
    assert {error["release"] for error in failed["trace"]["errors"]} == {"shop@2.0.0"}
    for shown in ("KeyError: &#39;dune&#39;", "shop@2.0.0", "price of the basket", f"/alerts/{alert['id']}"):
        assert shown in page, shown

    detail = stack.api("GET", f"/v1/issues/{issue['id']}")
    [broken] = detail["checks"]
    assert (broken["id"], broken["failed"]) == (monitor, broken["runs"])
    impact = stack.api("GET", "/v1/releases/impact?project=shop&release=shop@2.0.0")
    [check] = impact["checks"]
    assert (check["before"]["uptime"], check["after"]["uptime"]) == (100.0, 0.0)
    assert issue["id"] in [each["id"] for each in impact["new_issues"]]
