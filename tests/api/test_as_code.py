"""Monitors, rules and channels as a file, against the API itself: `tracer apply` and `tracer export`."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from cli.main import tracer
from probes.registry import parse
from store.checks import create_check
from store.keyring import Keyring
from store.sessions import Database
from store.write_lock import Urgency
from tests.api.conftest import Client
from tests.conftest import Clock

Apply = Callable[..., Result]

SHOP = """\
monitors:
  - name: Shop
    type: url
    url: https://shop.example/
    interval: 30
    locations: [eu-west]
    tags: [shop]
    assertions:
      - {type: status_code, operator: equals, value: 200}
  - name: Database
    type: tcp
    host: db.example
    port: 5432
    locations: [eu-west]
    depends_on: [Shop]
channels:
  - name: On call
    type: email
    config: {recipients: [on-call@example.com]}
rules:
  - name: Down
    type: consecutive_failures
    threshold: 2
    channels: [On call]
    apply_to: {monitors: [Database], tags: [shop]}
"""
EVERYTHING = """\
monitors:
  - {name: Page, type: url, url: "https://a.example/x?y=1", cron: "*/5 * * * *", timezone: Europe/Berlin,
     locations: [eu-west, us-east], retries: {count: 2}, description: "two\\nlines", degraded_ms: 500,
     runbook_url: "https://wiki.example", muted_until: 2030-01-01T00:00:00Z, status: paused,
     headers: {X-Team: a, Authorization: Bearer one}, secret_headers: [X-Quiet],
     basic_auth: null, http_version: "2", max_redirects: 0}
  - {name: Call, type: api, url: "https://a.example/api", method: POST, json: {a: [1, null, true], b: []},
     locations: [eu-west], basic_auth: {username: u, password: hunter2},
     assertions: [{type: json_path, path: $.a, operator: equals, value: "$${NAME} and $$${NAME}"},
                  {type: header, name: X-A, operator: exists}, {type: response_time, operator: less_than, value: 900}]}
  - {name: Mail, type: dns, host: example.com, record_type: MX, nameserver: "192.0.2.1:53", locations: [eu-west]}
  - {name: Port, type: tcp, host: db.example, port: 5432, tls: {enabled: true}, send: "a\\r\\n", expect: "yes",
     locations: [eu-west], depends_on: [Page, Call, Log in]}
  - {name: Nightly, type: heartbeat, cron: 0 3 * * *, grace: 1800, tags: ["1", "on", "2030-01-01"]}
  - {name: "mon_0123456789", type: heartbeat, interval: 86400}
journeys:
  - name: Log in
    interval: 600
    locations: [eu-west]
    tags: [smoke]
    viewport: {width: 800}
    extra_headers: {X-Key: abc, X-Team: core}
    variables: {PASSWORD: hunter2}
    depends_on: [Page]
    steps:
      - {type: goto, url: /login}
      - {type: fill, selector: "#password", value: "{{PASSWORD}}", name: password, timeout: 5}
      - {type: totp, secret: JBSWY3DPEHPK3PXP, variable: CODE}
      - {type: fill, selector: "#code", value: "{{CODE}}", frame: iframe}
      - {type: request, method: POST, url: "https://a.example/api", headers: {Authorization: Bearer one},
         body: "$${NAME}", assertions: [{type: json_path, path: $.a, operator: equals, value: null}]}
      - {type: expect_text, selector: h1, value: Hi}
    base_url: https://a.example
  - {name: Short, steps: [{type: goto, url: "https://a.example/"}], locations: [eu-west], status: paused}
rules:
  - {name: Count, type: failure_rate, failures: 3, runs: 10, apply_to: {all: true}, severity: low, enabled: false}
  - {name: Share, type: failure_rate, threshold: 50, window: 600, channels: [Hook, Chat],
     apply_to: {monitors: [Port, Nightly], journeys: [Log in], tags: ["on"]}, reminder_interval: 3600, min_locations: 2}
  - {name: Slow, type: response_time, threshold: 800.5, aggregate: p95, window: 600, channels: [Chat]}
  - {name: Certificates, type: certificate_expiry, threshold: 14, apply_to: {monitors: [Page]}, channels: [Chat]}
channels:
  - {name: Hook, type: webhook, config: {url: "https://hook.example/x", headers: {X-Key: abc}}}
  - {name: Chat, type: slack, config: {webhook_url: "https://hooks.slack.com/services/T0/B0/x"}}
"""


@pytest.fixture
def apply(api: None, tmp_path: Path) -> Apply:
    """A function that writes a file and applies it."""

    def applied(text: str, *options: str, typed: str | None = None) -> Result:
        (tmp_path / "tracer.yaml").write_text(text)
        return CliRunner().invoke(tracer, ["apply", str(tmp_path / "tracer.yaml"), *options], input=typed)

    return applied


def done(result: Result) -> str:
    """The last line of what worked."""
    assert result.exit_code == 0, result.output
    return str(result.output.splitlines()[-1])


def problems(result: Result) -> list[str]:
    """What is said of the file, each with its line, without the folder."""
    assert result.exit_code == 2, result.output
    assert not isinstance(result.exception, Exception), result.exception
    return [line.rpartition("/tracer.yaml:")[2] for line in result.output.splitlines() if "/tracer.yaml:" in line]


def exported() -> str:
    result = CliRunner().invoke(tracer, ["export"])
    assert result.exit_code == 0, result.output
    return str(result.stdout)


def snapshot(owner: Client) -> Any:
    """All that is stored, with ids and times: nothing may change it unseen."""
    lists = {
        path: owner.data("GET", f"/v1/{path}?per_page=100")
        for path in ("monitors", "journeys", "alert-rules", "alert-channels")
    }
    return [(path, item["id"], item["updated_at"]) for path, items in lists.items() for item in items]


def by_name(owner: Client, path: str) -> dict[str, Any]:
    return {item["name"]: item for item in owner.data("GET", f"/v1/{path}?per_page=100")}


def test_a_file_is_made_and_names_lead_to_ids(apply: Apply, owner: Client) -> None:
    assert done(apply(SHOP)) == "Done: 4 created, 0 changed, 0 unchanged, 0 deleted"
    monitors = by_name(owner, "monitors")
    assert (monitors["Shop"]["interval"], monitors["Database"]["interval"]) == (30, 60)
    assert monitors["Database"]["depends_on"] == [monitors["Shop"]["id"]]
    rule = by_name(owner, "alert-rules")["Down"]
    assert rule["channels"] == [by_name(owner, "alert-channels")["On call"]["id"]]
    assert rule["apply_to"]["monitors"] == [monitors["Database"]["id"]]


@pytest.mark.parametrize("text", [SHOP, EVERYTHING], ids=["shop", "everything"])
def test_the_same_file_applied_twice_changes_nothing(apply: Apply, owner: Client, clock: Clock, text: str) -> None:
    count = sum(len(listed) for listed in yaml.safe_load(text).values())
    assert done(apply(text)) == f"Done: {count} created, 0 changed, 0 unchanged, 0 deleted"
    before = snapshot(owner)
    clock.advance(60_000)
    assert done(apply(text)) == f"Done: 0 created, 0 changed, {count} unchanged, 0 deleted"
    assert snapshot(owner) == before


def test_what_is_exported_changes_nothing_when_it_is_applied(apply: Apply, owner: Client, clock: Clock) -> None:
    apply(EVERYTHING)
    before, text = snapshot(owner), exported()
    clock.advance(60_000)
    assert "0 to create, 0 to change, 14 unchanged, 0 to delete" in apply(text, "--dry-run").output
    assert done(apply(text, "--prune")) == "Done: 0 created, 0 changed, 14 unchanged, 0 deleted"
    assert snapshot(owner) == before
    assert exported() == text


def test_an_export_names_what_it_can_and_tells_no_secret(apply: Apply) -> None:
    apply(EVERYTHING)
    text = exported()
    for secret in ("hunter2", "Bearer one", "hook.example", "services/T0", "abc", "JBSWY3"):
        assert secret not in text
    document = yaml.safe_load(text)
    assert [entry["name"] for entry in document["monitors"]] == [
        "Call", "Mail", "mon_0123456789", "Nightly", "Page", "Port",
    ]  # fmt: skip
    assert document["monitors"][5] == {
        "name": "Port", "type": "tcp", "host": "db.example", "port": 5432, "tls": {"enabled": True}, "send": "a\r\n",
        "expect": "yes", "interval": 60, "locations": ["eu-west"], "depends_on": ["Page", "Call", "Log in"],
    }  # fmt: skip
    assert document["journeys"][1] == {
        "name": "Short", "steps": [{"type": "goto", "url": "https://a.example/"}], "interval": 300,
        "locations": ["eu-west"], "status": "paused",
    }  # fmt: skip
    assert document["journeys"][0]["steps"][2] == {"type": "totp", "secret": "********", "variable": "CODE"}
    assert document["rules"][2]["apply_to"]["journeys"] == ["Log in"]
    assert document["rules"][2]["channels"] == ["Hook", "Chat"]
    assert document["channels"][1]["config"] == {"url": "********", "headers": {"X-Key": "********"}}


def test_the_plan_stands_before_anything_happens_and_names_the_fields(apply: Apply, owner: Client) -> None:
    apply(SHOP)
    before = snapshot(owner)
    changed = SHOP.replace("interval: 30", "interval: 60").replace("value: 200}", "value: 204}")
    changed = changed.replace("port: 5432", "port: 5433").replace("threshold: 2", "threshold: 3")
    changed += "  - {name: New, type: no_data, window: 900, channels: [On call], apply_to: {all: true}}\n"
    shown = apply(changed, "--dry-run")
    assert "~ monitor Shop: interval 30 → 60; assertions changes" in shown.output
    assert "~ monitor Database: port 5432 → 5433" in shown.output
    assert "~ rule Down: threshold 2 → 3" in shown.output
    assert "+ rule New is new" in shown.output
    assert "= 1 unchanged: On call" in shown.output
    assert "Plan: 1 to create, 3 to change, 1 unchanged, 0 to delete" in shown.output
    assert snapshot(owner) == before
    assert done(apply(changed)) == "Done: 1 created, 3 changed, 1 unchanged, 0 deleted"
    assert by_name(owner, "monitors")["Shop"]["assertions"][0]["value"] == 204


def test_only_what_differs_is_sent(apply: Apply, owner: Client) -> None:
    """Somebody may change another field between the plan and its end."""
    apply(SHOP)
    shop = by_name(owner, "monitors")["Shop"]
    apply(SHOP.replace("interval: 30", "interval: 40"))
    changed = by_name(owner, "monitors")["Shop"]
    assert {name for name in changed if changed[name] != shop[name]} <= {"interval", "updated_at", "stats"}


def test_a_field_left_out_has_its_default_but_what_is_set_for_a_while_stays(apply: Apply, owner: Client) -> None:
    apply(SHOP)
    shop = by_name(owner, "monitors")["Shop"]["id"]
    rule = by_name(owner, "alert-rules")["Down"]["id"]
    owner.data("PUT", f"/v1/monitors/{shop}", {"status": "paused", "muted_until": "2030-01-01T00:00:00Z"})
    owner.data("PUT", f"/v1/alert-rules/{rule}", {"enabled": False})
    assert "5" not in apply(SHOP).output.split("Done: ")[1].split(" changed")[0]
    applied = apply(SHOP.replace("    interval: 30\n", "").replace("    tags: [shop]\n", ""))
    assert "~ monitor Shop: interval 30 → 60; tags [shop] → []" in applied.output
    stored = by_name(owner, "monitors")["Shop"]
    assert (stored["interval"], stored["tags"], stored["status"]) == (60, [], "paused")
    assert stored["muted_until"] == "2030-01-01T00:00:00.000Z"
    assert by_name(owner, "alert-rules")["Down"]["enabled"] is False
    apply(SHOP.replace("interval: 30", "status: active"))
    assert by_name(owner, "monitors")["Shop"]["status"] == "active"


def test_nothing_is_deleted_without_prune(apply: Apply, owner: Client) -> None:
    apply(SHOP)
    assert done(apply("monitors: []\nrules: []\n")) == "Done: 0 created, 0 changed, 0 unchanged, 0 deleted"
    assert len(snapshot(owner)) == 4


def test_prune_deletes_only_in_the_sections_that_the_file_has(apply: Apply, owner: Client) -> None:
    apply(SHOP)
    kept = SHOP.split("channels:")[0].split("  - name: Database")[0]
    shown = apply(kept + "channels:\n", "--prune", "--yes", "1")
    assert "- monitor Database is deleted" in shown.output
    assert done(shown) == "Done: 0 created, 0 changed, 1 unchanged, 1 deleted"
    assert set(by_name(owner, "monitors")) == {"Shop"}
    assert set(by_name(owner, "alert-rules")) == {"Down"}
    assert set(by_name(owner, "alert-channels")) == {"On call"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--prune"], "add --yes 2"),
        (["--prune", "--yes", "1"], "2 deletions, not 1"),
        (["--prune", "--yes", "3"], "2 deletions, not 3"),
        (["--yes", "2"], "--yes goes with --prune"),
    ],
)
def test_a_number_of_deletions_that_nobody_said_stops_everything(
    apply: Apply, owner: Client, options: list[str], said: str
) -> None:
    apply(SHOP)
    before = snapshot(owner)
    refused = apply("monitors:\n  - {name: New, type: heartbeat, interval: 60}\n", *options)
    assert refused.exit_code == 2
    assert said in refused.output
    assert snapshot(owner) == before


def test_deletions_that_were_expected_but_are_none_stop_everything_too(apply: Apply, owner: Client) -> None:
    refused = apply(SHOP, "--prune", "--yes", "1")
    assert (refused.exit_code, snapshot(owner)) == (2, [])


def test_a_person_is_asked_for_the_number(apply: Apply, owner: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    apply(SHOP)
    monkeypatch.setattr("cli.apply._by_a_person", lambda: True)
    assert apply("monitors: []\n", "--prune", typed="1\n").exit_code == 2
    assert len(by_name(owner, "monitors")) == 2
    assert done(apply("monitors: []\n", "--prune", typed="2\n")).endswith("2 deleted")
    assert by_name(owner, "monitors") == {}


def test_a_check_that_nobody_is_told_of_is_named(apply: Apply, owner: Client) -> None:
    apply(SHOP)
    assert "nobody is told" not in apply(SHOP).output
    paused = "monitors:\n  - {name: Alone, type: heartbeat, interval: 60, status: paused}\n"
    assert "nobody is told" not in apply(paused, "--dry-run").output
    alone = "monitors:\n  - {name: Alone, type: heartbeat, interval: 60}\n"
    assert "nobody is told when these fail" in apply(SHOP.replace("[On call]", "[]"), "--dry-run").output
    assert "when this fails, no rule with a channel covers it: Alone" in apply(alone, "--dry-run").output
    without_rule = apply("rules: []\n", "--prune", "--dry-run").output
    assert "Database" in without_rule.split("covers them: ")[1]
    off = owner.data("GET", "/v1/alert-rules")[0]["id"]
    owner.data("PUT", f"/v1/alert-rules/{off}", {"enabled": False})
    assert "Database" in apply(SHOP).output.split("covers them: ")[1]
    watched = "rules:\n  - {name: Down, type: consecutive_failures, threshold: 2, channels: [On call], "
    assert "nobody is told" not in apply(watched + "enabled: true, apply_to: {all: true}}\n", "--dry-run").output


SECRET = """\
monitors:
  - name: Shop
    type: url
    url: https://shop.example/
    locations: [eu-west]
    headers: {Authorization: "Bearer ${SHOP_TOKEN}", X-Team: "${SHOP_TEAM}"}
channels:
  - name: Hook
    type: webhook
    config: {url: "https://hook.example/${HOOK}"}
"""


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("SHOP_TOKEN", "hunter2"), ("SHOP_TEAM", "core"), ("HOOK", "s3cret")):
        monkeypatch.setenv(name, value)


def test_secrets_from_the_environment_are_stored_and_never_shown(
    apply: Apply, owner: Client, environment: None, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    made = apply(SECRET)
    assert "Signing secret of the webhook Hook, shown only now: whsec_" in made.output
    shop = by_name(owner, "monitors")["Shop"]
    assert shop["headers"] == {"Authorization": "********", "X-Team": "core"}
    clock.advance(1_000)
    before = snapshot(owner)
    again = apply(SECRET)
    assert "? monitor Shop: headers.Authorization: given here, and stored if it is new" in again.output
    assert done(again) == "Done: 0 created, 0 changed, 2 unchanged, 0 deleted"
    assert snapshot(owner) == before
    monkeypatch.setenv("SHOP_TOKEN", "hunter3")
    monkeypatch.setenv("SHOP_TEAM", "s3cret-team")
    moved = apply(SECRET)
    assert "~ monitor Shop: headers.X-Team (from the environment); headers.Authorization: given here" in moved.output
    assert done(moved) == "Done: 0 created, 1 changed, 1 unchanged, 0 deleted"
    for output in (made.output, again.output, moved.output):
        assert not any(secret in output for secret in ("hunter", "s3cret"))


def test_another_secret_is_counted_as_a_change(
    apply: Apply, environment: None, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    apply(SECRET)
    clock.advance(1_000)
    monkeypatch.setenv("HOOK", "other")
    assert done(apply(SECRET)) == "Done: 0 created, 1 changed, 1 unchanged, 0 deleted"


def test_a_masked_secret_keeps_what_is_stored(apply: Apply, owner: Client, environment: None, app: Any) -> None:
    apply(SECRET)
    masked = SECRET.replace("Bearer ${SHOP_TOKEN}", "********").replace("https://hook.example/${HOOK}", "********")
    assert done(apply(masked)) == "Done: 0 created, 0 changed, 2 unchanged, 0 deleted"
    faster = masked.replace("url: https://shop.example/", "url: https://shop.example/\n    interval: 10")
    assert done(apply(faster)) == "Done: 0 created, 1 changed, 1 unchanged, 0 deleted"
    assert done(apply(SECRET)) == "Done: 0 created, 1 changed, 1 unchanged, 0 deleted"  # the interval, back


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_channel_of_a_hundred_services_comes_back_from_its_export(apply: Apply) -> None:
    made = "channels:\n  - {name: Other, type: apprise, config: {url: 'ntfy://ntfy.example/topic'}}\n"
    assert done(apply(made)).startswith("Done: 1 created")
    assert "ntfy.example" not in exported()
    assert done(apply(exported())) == "Done: 0 created, 0 changed, 1 unchanged, 0 deleted"


JOURNEY = """\
journeys:
  - name: Log in
    locations: [eu-west]
    steps:
      - {type: goto, url: "https://a.example/"}
      - type: totp
        secret: %s
        variable: CODE
      - {type: request, url: "https://a.example/api", headers: {Authorization: %s}}
"""


def test_secrets_of_steps_stay_with_their_step(apply: Apply, owner: Client, clock: Clock) -> None:
    apply(JOURNEY % ("JBSWY3DPEHPK3PXP", "Bearer one"))
    masked = JOURNEY % ('"********"', '"********"')
    before = snapshot(owner)
    clock.advance(1_000)
    assert done(apply(masked)) == "Done: 0 created, 0 changed, 1 unchanged, 0 deleted"
    assert snapshot(owner) == before
    longer = masked.replace("      - type: totp", "      - {type: screenshot}\n      - type: totp")
    assert "~ journey Log in: steps 3 entries → 4 entries" in apply(longer, "--dry-run").output
    assert done(apply(longer)) == "Done: 0 created, 1 changed, 0 unchanged, 0 deleted"
    clock.advance(1_000)
    assert done(apply(longer.replace('"********"', "JBSWY3DPEHPK3PXQ", 1))).startswith("Done: 0 created, 1 changed")
    [said] = problems(apply(longer.replace("a.example/api", "b.example/api")))
    assert said == "10: journey 'Log in': steps.3.headers.Authorization: is ********, but no value is stored to keep"


def test_a_journey_is_judged_with_the_line_of_its_step(apply: Apply, owner: Client) -> None:
    bad = JOURNEY % ("JBSWY3DPEHPK3PXP", "x") + "      - {type: clik, selector: a}\n      - {type: click, sel: a}\n"
    assert [line.partition(":")[0] for line in problems(apply(bad))] == ["10", "11", "11"]
    assert snapshot(owner) == []


def test_a_mask_with_nothing_behind_it_is_refused_with_its_line(apply: Apply, owner: Client) -> None:
    masked = """\
monitors:
  - name: Shop
    type: url
    url: https://shop.example/
    locations: [eu-west]
    headers:
      X-Team: core
      Authorization: "********"
channels:
  - name: Hook
    type: webhook
    config:
      url: "********"
"""
    said = problems(apply(masked))
    assert said[0] == "8: monitor 'Shop': headers.Authorization: is ********, but no value is stored to keep"
    assert said[1:] == ["13: channel 'Hook': config.url: is ********, but no value is stored to keep"]
    assert snapshot(owner) == []


def test_a_variable_that_the_environment_has_not_is_named_with_its_line(apply: Apply, owner: Client) -> None:
    assert problems(apply(SECRET)) == [
        "6: monitors.0.headers.Authorization: the environment has no SHOP_TOKEN",
        "6: monitors.0.headers.X-Team: the environment has no SHOP_TEAM",
        "10: channels.0.config.url: the environment has no HOOK",
    ]
    assert snapshot(owner) == []


BAD = """\
monitors:
  - name: Shop
    type: url
    url: ftp://shop.example/
    interval: soon
    assertions:
      - {type: status_code, operator: equals, value: 200}
      - type: status_code
        operator: is
        value: 200
  - type: url
  - name: Shop
    type: url
    url: https://shop.example/
  - name: Gone
    type: tcp
    host: db.example
    port: 5432
    locations: [eu-west]
    depends_on: [Nobody, mon_0123456789]
    id: mon_1
  - just text
rules:
  - name: Down
    type: consecutive_failures
    threshold: 0
    channels: [On call]
    apply_to:
      monitors: [Gone, Nobody]
monitor:
  - name: Shop
channels: {name: x}
"""


def test_each_problem_is_named_with_its_line(apply: Apply, owner: Client) -> None:
    owner.data("PUT", "/v1/organization", {"default_locations": ["eu-west"]})
    said = problems(apply(BAD))
    for line, part in (
        (4, "monitor 'Shop': url: must begin with http:// or https://"),
        (5, "monitor 'Shop': interval: must be a whole number"),
        (9, "monitor 'Shop': assertions.1.operator: must be one of"),
        (11, "monitors.1: must have a name, which is text"),
        (12, "monitor 'Shop': stands twice, first in line 2"),
        (20, "monitor 'Gone': depends_on.0: there is no monitor"),
        (20, "monitor 'Gone': depends_on.1: there is no monitor"),
        (21, "monitor 'Gone': no monitor has the id 'mon_1'"),
        (22, "monitors.4: must have the fields of a monitor"),
        (26, "rule 'Down': threshold: must be at least 1"),
        (27, "rule 'Down': channels.0: there is no channel called 'On call', here or stored"),
        (29, "rule 'Down': apply_to.monitors.1: there is no monitor called 'Nobody'"),
        (30, "'monitor' is not a section"),
        (32, "channels must be a list"),
    ):
        assert any(each.startswith(f"{line}: ") and part in each for each in said), (line, part, said)
    assert len(said) == 14, said
    assert snapshot(owner) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1: holds nothing to apply"),
        ("- a\n", "1: holds nothing to apply"),
        ("rules:\n", "1: holds nothing to apply"),
        ("monitors: [\n", "2: is not YAML"),
        ("monitors: []\nmonitors: []\n", "2: the key 'monitors' stands twice, first in line 1"),
        ("monitors:\n  - name: a\n    1: b\n", "3: the key 1 is no text"),
        ("monitors:\n  - name: !!binary aGk=\n", "2: monitors.0.name: holds a bytes"),
        ("monitors:\n  - timeout: .inf\n", "2: monitors.0.timeout: must be a finite number"),
        ("a: &a [*a]\n", "1: is nested deeper than 60 levels, or holds itself"),
        ("[" * 100_000, "1: is nested deeper than 60 levels"),
        ("a: &a [x, x]\n" + "".join(f"{n}: &{n} [*{o}, *{o}]\n" for o, n in pairwise("abcdefghijklmnopqrs")),
         "holds more than 200000 values"),
        ("a: !!python/object/apply:os.system [ls]\n", "1: is not YAML: could not determine a constructor"),
        ("a: " + "9" * 5_000, "1: can't be read: Exceeds the limit"),
        ("monitors:\n  - {name: ${NAME}}\n", "2: is not YAML: did not find expected ',' or '}'; between braces"),
        ('a: "\\0"\n', "1: a: must not contain a NUL character"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_file_that_cannot_be_read_is_a_sentence_with_its_line(apply: Apply, text: str, said: str) -> None:
    assert said in problems(apply(text))[0]


def test_names_that_are_not_unique_are_told_apart_by_ids_or_refused(apply: Apply, owner: Client) -> None:
    body = {"name": "Twin", "type": "heartbeat", "interval": 60}
    ids = [owner.data("POST", "/v1/monitors", body, status=201)["id"] for _ in range(2)]
    rule = "rules:\n  - {name: Down, type: no_data, window: 60, apply_to: {monitors: [%s]}}\n"
    assert "several are called 'Twin', so name the monitor by its id" in problems(apply(rule % "Twin"))[0]
    assert done(apply(rule % ids[0])).startswith("Done: 1 created")
    assert "several are stored under this name" in problems(apply("monitors:\n  - {name: Twin, type: heartbeat}\n"))[0]
    result = CliRunner().invoke(tracer, ["export"])
    assert "2 monitors are called 'Twin': the file tells them apart by their ids" in result.stderr
    assert f"- {ids[0]}" in result.output


def test_what_has_one_name_is_told_apart_by_ids_so_an_export_changes_nothing(apply: Apply, owner: Client) -> None:
    for path, body in (
        ("/v1/monitors", {"name": "Twin", "type": "heartbeat", "interval": 60}),
        ("/v1/alert-channels", {"name": "Hook", "type": "slack", "config": {"webhook_url": "https://a.example/"}}),
    ):
        for _ in range(2):
            owner.data("POST", path, body, status=201)
    before, text = snapshot(owner), exported()
    assert done(apply(text)) == "Done: 0 created, 0 changed, 4 unchanged, 0 deleted"
    assert snapshot(owner) == before
    assert exported() == text


def test_an_entry_with_its_id_may_have_another_name(apply: Apply, owner: Client) -> None:
    ids = [
        owner.data("POST", "/v1/monitors", {"name": "Twin", "type": "heartbeat", "interval": 60}, status=201)["id"]
        for _ in range(2)
    ]
    entry = "  - {name: %s, id: %s, type: heartbeat, interval: 60}\n"
    renamed = apply("monitors:\n" + entry % ("Other", ids[1]))
    assert "~ monitor Other: name Twin → Other" in renamed.output
    assert {item["id"]: item["name"] for item in owner.data("GET", "/v1/monitors")} == {ids[0]: "Twin", ids[1]: "Other"}
    twice = "monitors:\n" + entry % ("A", ids[1]) + entry % ("B", ids[1])
    assert "monitor 'B': stands twice, first in line 2" in problems(apply(twice))[0]
    assert "no monitor has the id 'mon_nowhere'" in problems(apply("monitors:\n" + entry % ("A", "mon_nowhere")))[0]


def test_a_circle_of_dependencies_is_refused(apply: Apply, owner: Client) -> None:
    text = "monitors:\n" + "".join(
        f"  - {{name: {name}, type: heartbeat, interval: 60, depends_on: [{other}]}}\n"
        for name, other in (("A", "B"), ("B", "C"), ("C", "A"))
    )
    assert "depends_on goes in a circle: " in problems(apply(text))[0]
    assert snapshot(owner) == []


def test_dependencies_may_turn_round(apply: Apply, owner: Client) -> None:
    line = "  - {{name: {}, type: heartbeat, interval: 60, depends_on: [{}]}}\n"
    assert done(apply("monitors:\n" + line.format("A", "B") + line.format("B", ""))).startswith("Done: 2 created")
    assert done(apply("monitors:\n" + line.format("B", "A") + line.format("A", ""))).startswith("Done: 0 created, 2")


def test_a_type_cannot_be_changed_under_a_name(apply: Apply) -> None:
    apply(SHOP)
    other = SHOP.replace("type: url", "type: api").replace("status_code, operator: equals", "status_code, operator: in")
    assert problems(apply(SHOP.replace("type: url", "type: api"))) == [
        "3: monitor 'Shop': type: can't be changed from url: use another name, or delete the monitor that is stored"
    ]
    assert other != SHOP


def test_a_rule_that_names_what_is_pruned_is_refused(apply: Apply) -> None:
    apply(SHOP)
    left = SHOP.replace("  - name: Database", "  - name: Other").replace("host: db", "host: other")
    assert (
        "rule 'Down': apply_to.monitors.0: 'Database' is not in the file, so --prune deletes it"
        in (problems(apply(left, "--prune", "--yes", "1"))[0])
    )


def test_what_the_api_refuses_stops_there_with_its_line(apply: Apply, owner: Client) -> None:
    """Only the API knows where a stored secret belongs to."""
    made = "channels:\n  - name: Hook\n    type: webhook\n    config:\n      url: %s\n      headers: {X-Key: %s}\n"
    apply(made % ("https://a.example/", "abc"))
    text = made % ("https://b.example/", '"********"') + "  - {name: Z, type: email, config: {recipients: [a@b.de]}}\n"
    result = apply(text)
    [said] = problems(result)
    assert said.startswith("6: channel 'Hook': config.headers.X-Key: is kept for https://a.example")
    assert "Done: 0 created, 0 changed, 0 unchanged, 0 deleted" in result.output
    assert "Stopped there" in result.output
    assert set(by_name(owner, "alert-channels")) == {"Hook"}


def test_text_that_looks_like_a_reference_survives_the_round_trip(apply: Apply, owner: Client) -> None:
    apply(EVERYTHING)
    stored = by_name(owner, "monitors")["Call"]["assertions"][0]["value"]
    assert stored == "${NAME} and $${NAME}"
    assert "$${NAME} and $$${NAME}" in exported()


def test_anchors_have_a_place_of_their_own(apply: Apply, owner: Client) -> None:
    text = """\
x-usual: &usual {type: url, locations: [eu-west], interval: 30}
monitors:
  - <<: *usual
    name: A
    url: https://a.example/
    interval: 40
  - <<: *usual
    name: B
    url: nowhere
"""
    assert problems(apply(text))[0].startswith("9: monitor 'B': url: ")
    apply(text.replace("nowhere", "https://b.example/"))
    assert {name: each["interval"] for name, each in by_name(owner, "monitors").items()} == {"A": 40, "B": 30}


def test_more_than_a_page_is_compared(
    apply: Apply, database: Database, organization: str, keyring: Keyring, clock: Clock
) -> None:
    with database.write(organization, Urgency.PEOPLE) as session:
        for number in range(101):
            job = parse({"name": f"job {number}", "type": "heartbeat", "interval": 60})
            create_check(session, keyring, organization, job, clock.now_ms)
    assert done(apply(exported())) == "Done: 0 created, 0 changed, 101 unchanged, 0 deleted"


def test_a_key_that_may_only_read_plans_but_changes_nothing(
    apply: Apply, owner: Client, make_key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACER_API_KEY", make_key(["read"]))
    assert apply(SHOP, "--dry-run").exit_code == 0
    refused = apply(SHOP)
    assert refused.exit_code == 2
    assert "the scope 'write'" in refused.output
    assert snapshot(owner) == []
    monkeypatch.setenv("TRACER_API_KEY", "trk_of-nobody-at-all-0123456789")
    assert apply(SHOP).exit_code == 2
