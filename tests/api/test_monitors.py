"""/v1/monitors, by the seed's examples word for word and the contract's rules."""

from __future__ import annotations

from typing import Any

from store.alert_tables import AlertChannel
from store.check_secrets import whole_definition
from store.keyring import Keyring
from store.sessions import EVERY_ORGANIZATION, Database
from store.tables import Check
from store.write_lock import Urgency
from tests.alerts.alerting import add_channel, record_one
from tests.alerts.recording import T0, measured
from tests.api.conftest import PUBLIC_URL, Client

URL_MONITOR = {
    "name": "Production API",
    "type": "url",
    "url": "https://api.example.com/health",
    "method": "GET",
    "interval": 60,
    "timeout": 30,
    "locations": ["us-east", "eu-west"],
    "headers": {"Authorization": "Bearer token"},
    "assertions": [{"type": "status_code", "operator": "equals", "value": 200}],
}
TCP_MONITOR = {
    "name": "Database Check",
    "type": "tcp",
    "host": "db.example.com",
    "port": 5432,
    "interval": 60,
    "timeout": 10,
    "locations": ["us-east"],
    "tls": {"enabled": False},
}
HEARTBEAT = {"name": "Nightly backup", "type": "heartbeat", "cron": "30 2 * * *", "timezone": "Europe/Berlin"}


def url_monitor(**fields: Any) -> dict[str, Any]:
    return {"name": "Example", "type": "url", "url": "https://example.com/", **fields}


def make(client: Client, **fields: Any) -> Any:
    return client.data("POST", "/v1/monitors", url_monitor(**fields), status=201)


def test_the_seeds_url_monitor_is_made_and_shown_with_its_secret_masked(owner: Client) -> None:
    made = owner.data("POST", "/v1/monitors", URL_MONITOR, status=201)
    shown = owner.data("GET", f"/v1/monitors/{made['id']}")
    for name, value in URL_MONITOR.items():
        if name not in ("headers", "assertions"):
            assert shown[name] == value, name
    assert shown["headers"] == {"Authorization": "********"}
    assert shown["assertions"][0].items() >= URL_MONITOR["assertions"][0].items()  # type: ignore[index]
    assert shown["status"] == "active"
    assert shown["health"] == "unknown"
    assert shown["last_run"] is None
    assert shown["stats"]["uptime_24h"] is None
    assert shown["created_at"] == "2024-01-15T10:30:00.000Z"
    assert [state["location"] for state in shown["location_states"]] == ["us-east", "eu-west"]


def test_the_seeds_tcp_monitor_is_made(owner: Client) -> None:
    made = owner.data("POST", "/v1/monitors", TCP_MONITOR, status=201)
    assert made["port"] == 5432
    assert made["tls"]["enabled"] is False


def test_the_seeds_update_renames_reschedules_and_pauses(owner: Client) -> None:
    made = owner.data("POST", "/v1/monitors", URL_MONITOR, status=201)
    change = {"name": "Updated Name", "interval": 120, "status": "paused"}
    changed = owner.data("PUT", f"/v1/monitors/{made['id']}", change)
    assert changed.items() >= change.items()
    assert changed["health"] == "paused"
    assert changed["url"] == URL_MONITOR["url"]


def test_the_seeds_list_filters_by_type_and_status_and_counts(owner: Client) -> None:
    first = make(owner)
    make(owner, status="paused")
    owner.data("POST", "/v1/monitors", TCP_MONITOR, status=201)
    answer = owner("GET", "/v1/monitors?type=url&status=active").get_json()
    assert [monitor["id"] for monitor in answer["data"]] == [first["id"]]
    assert answer["meta"] == {"total": 1, "page": 1, "per_page": 20}


def test_the_seeds_delete_answers_the_id_and_then_there_is_no_such_monitor(owner: Client) -> None:
    made = make(owner)
    assert owner.data("DELETE", f"/v1/monitors/{made['id']}") == {"id": made["id"], "deleted": True}
    for method, path in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/run"), ("GET", "/runs")):
        body: dict[str, Any] | None = {} if method in ("PUT", "POST") else None
        assert owner.error(method, f"/v1/monitors/{made['id']}{path}", body, status=404)["code"] == "not_found"
    assert owner("GET", "/v1/monitors").get_json()["meta"]["total"] == 0


def test_the_seeds_run_is_queued_at_every_location(owner: Client) -> None:
    made = owner.data("POST", "/v1/monitors", URL_MONITOR, status=201)
    queued = owner.data("POST", f"/v1/monitors/{made['id']}/run", status=202)
    assert queued["status"] == "queued"
    assert queued["locations"] == ["us-east", "eu-west"]
    assert queued["run_id"] == queued["runs"][0]["run_id"]
    run = owner.data("GET", f"/v1/runs/{queued['run_id']}")
    assert run["monitor_id"] == made["id"]
    assert run["status"] == "queued"
    assert run["trigger"] == "manual"
    assert run["queued_at"] == "2024-01-15T10:30:00.000Z"
    assert run["scheduled_at"] is None


def test_a_run_may_be_asked_for_while_paused_at_some_locations_and_twice_in_a_millisecond(owner: Client) -> None:
    made = make(owner, locations=["us-east", "eu-west"], status="paused")
    for _ in range(2):
        queued = owner.data("POST", f"/v1/monitors/{made['id']}/run", {"locations": ["eu-west"]}, status=202)
        assert queued["locations"] == ["eu-west"]
    assert owner("GET", f"/v1/monitors/{made['id']}/runs").get_json()["meta"]["total"] == 2
    error = owner.error("POST", f"/v1/monitors/{made['id']}/run", {"locations": ["mars"]}, status=422)
    assert "locations" in error["fields"]


def test_a_heartbeat_has_an_address_and_no_locations_and_is_not_run(owner: Client) -> None:
    made = owner.data("POST", "/v1/monitors", HEARTBEAT, status=201)
    assert made["ping_url"].startswith(f"{PUBLIC_URL}/ping/")
    assert made["locations"] == []
    assert [state["location"] for state in made["location_states"]] == ["heartbeat"]
    assert made["interval"] is None
    assert owner.error("POST", f"/v1/monitors/{made['id']}/run", status=409)["code"] == "conflict"


def test_left_out_locations_are_the_organizations_defaults(owner: Client) -> None:
    assert make(owner)["locations"] == ["local"]
    owner.data("PUT", "/v1/organization", {"default_locations": None})
    assert "locations" in owner.error("POST", "/v1/monitors", url_monitor(), status=422)["fields"]
    owner.data("PUT", "/v1/organization", {"default_locations": ["us-east"]})
    assert make(owner)["locations"] == ["us-east"]


def test_what_deserves_a_look_is_a_warning_and_no_error(owner: Client) -> None:
    warnings = owner("POST", "/v1/monitors", url_monitor(locations=["nowhere"])).get_json()["meta"]["warnings"]
    assert any("nowhere" in line and "no_probe" in line for line in warnings)
    assert any("no alert rule with a channel covers this monitor" in line for line in warnings)
    owner.data("POST", "/v1/probes", {"name": "p", "location": "nowhere"}, status=201)
    warnings = owner("POST", "/v1/monitors", url_monitor(locations=["nowhere"])).get_json()["meta"]["warnings"]
    assert any("nowhere" in line and "online" in line for line in warnings)


def test_cron_takes_the_place_of_the_interval_and_the_other_way_round(owner: Client) -> None:
    path = f"/v1/monitors/{make(owner, interval=300)['id']}"
    changed = owner.data("PUT", path, {"cron": "*/5 * * * *"})
    assert (changed["interval"], changed["cron"]) == (None, "*/5 * * * *")
    changed = owner.data("PUT", path, {"interval": 30})
    assert (changed["interval"], changed["cron"]) == (30, None)
    assert owner("PUT", path, {"interval": 30, "cron": "* * * * *"}).status_code == 422
    owner.data("PUT", path, {"cron": "0 3 * * *"})
    assert owner.data("PUT", path, {"cron": None})["interval"] == 60


def test_null_clears_an_optional_field_and_not_a_required_one(owner: Client) -> None:
    path = f"/v1/monitors/{make(owner, degraded_ms=500, tags=['a'], description='x')['id']}"
    changed = owner.data("PUT", path, {"degraded_ms": None, "tags": None, "description": None, "locations": None})
    assert (changed["degraded_ms"], changed["tags"], changed["description"]) == (None, [], "")
    assert changed["locations"] == ["local"]
    assert set(owner.error("PUT", path, {"name": None}, status=422)["fields"]) == {"name"}
    assert set(owner.error("PUT", path, {"url": None}, status=422)["fields"]) == {"url"}


def test_objects_and_lists_are_replaced_whole(owner: Client) -> None:
    path = f"/v1/monitors/{make(owner, headers={'X-A': '1', 'X-B': '2'}, tags=['a', 'b'])['id']}"
    changed = owner.data("PUT", path, {"headers": {"X-C": "3"}, "tags": ["c"]})
    assert changed["headers"] == {"X-C": "3"}
    assert changed["tags"] == ["c"]


def test_writing_the_mask_keeps_the_stored_secret(owner: Client, app: Any) -> None:
    made = make(owner, headers={"Authorization": "Bearer one", "X-A": "1"})
    path = f"/v1/monitors/{made['id']}"
    changed = owner.data("PUT", path, {"headers": {"Authorization": "********", "X-A": "2"}})
    assert changed["headers"] == {"Authorization": "********", "X-A": "2"}
    assert _secrets(app, made["id"]) == {"headers.Authorization": "Bearer one"}
    owner.data("PUT", path, {"headers": {"Authorization": "Bearer two"}})
    assert _secrets(app, made["id"]) == {"headers.Authorization": "Bearer two"}
    error = owner.error("PUT", path, {"headers": {"X-Api-Key": "********"}}, status=422)
    assert set(error["fields"]) == {"headers.X-Api-Key"}


def test_a_mask_with_nothing_stored_behind_it_is_refused(owner: Client) -> None:
    error = owner.error("POST", "/v1/monitors", url_monitor(headers={"Authorization": "********"}), status=422)
    assert set(error["fields"]) == {"headers.Authorization"}


def _secrets(app: Any, monitor_id: str) -> dict[str, str]:
    from store.check_secrets import secrets_of
    from store.checks import get_check
    from store.sessions import EVERY_ORGANIZATION

    state = app.extensions["tracer"]
    with state.database.read(EVERY_ORGANIZATION) as session:
        check = get_check(session, monitor_id)
        assert check is not None
        return secrets_of(state.keyring, check)


def test_the_type_of_a_monitor_stays(owner: Client) -> None:
    made = make(owner)
    assert set(owner.error("PUT", f"/v1/monitors/{made['id']}", {"type": "tcp"}, status=422)["fields"]) == {"type"}
    owner.data("PUT", f"/v1/monitors/{made['id']}", {"type": "url"})


def test_read_only_fields_are_refused_and_named(owner: Client) -> None:
    made = make(owner)
    error = owner.error("PUT", f"/v1/monitors/{made['id']}", {"health": "up", "stats": {}}, status=422)
    assert error["fields"] == {"health": ["is read-only"], "stats": ["is read-only"]}


def test_dependencies_are_known_checks_and_make_no_circle(
    owner: Client, client_of: Any, make_organization: Any
) -> None:
    a = make(owner)["id"]
    b = make(owner, depends_on=[a])["id"]
    c = make(owner, depends_on=[b])["id"]
    assert "depends_on" in owner.error("PUT", f"/v1/monitors/{a}", {"depends_on": [c]}, status=422)["fields"]
    assert "depends_on" in owner.error("PUT", f"/v1/monitors/{a}", {"depends_on": [a]}, status=422)["fields"]
    error = owner.error("POST", "/v1/monitors", url_monitor(depends_on=[a, "mon_nosuchmonitor"]), status=422)
    assert set(error["fields"]) == {"depends_on.1"}
    elsewhere = client_of("write", organization_id=make_organization("Other"))
    assert elsewhere.error("POST", "/v1/monitors", url_monitor(depends_on=[a]), status=422)["code"] == "invalid"


def test_another_organizations_monitor_is_not_there(owner: Client, client_of: Any, make_organization: Any) -> None:
    made = make(owner)
    stranger = client_of("admin", organization_id=make_organization("Other"))
    for method, path in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "/run"), ("GET", "/runs")):
        body: dict[str, Any] | None = {} if method in ("PUT", "POST") else None
        assert stranger(method, f"/v1/monitors/{made['id']}{path}", body).status_code == 404
    queued = owner.data("POST", f"/v1/monitors/{made['id']}/run", status=202)
    assert stranger("GET", f"/v1/runs/{queued['run_id']}").status_code == 404
    assert stranger("GET", "/v1/monitors").get_json()["meta"]["total"] == 0


def test_lists_are_newest_first_in_pages(owner: Client, clock: Any) -> None:
    made = []
    for _ in range(5):
        made.append(make(owner)["id"])
        clock.advance(1)
    pages = [owner("GET", f"/v1/monitors?per_page=2&page={page}").get_json() for page in (1, 2, 3, 4)]
    assert [[monitor["id"] for monitor in page["data"]] for page in pages] == [made[:2:-1], made[2:0:-1], made[:1], []]
    assert pages[0]["meta"] == {"total": 5, "page": 1, "per_page": 2}


def test_a_filter_that_means_nothing_is_refused_by_name(owner: Client) -> None:
    for query, field in (
        ("page=0", "page"),
        ("page=x", "page"),
        ("per_page=101", "per_page"),
        ("per_page=0", "per_page"),
        ("page=101&per_page=100", ""),
        ("page=99999999999999999999999", "page"),
        ("type=ftp", "type"),
        ("status=deleted", "status"),
        ("sort=name", "sort"),
        ("page=1&page=2", "page"),
        ("name=%00", "name"),
        ("tag=", "tag"),
    ):
        assert field in owner.error("GET", f"/v1/monitors?{query}", status=422)["fields"], query


def test_monitors_are_found_by_tag_and_by_part_of_the_name(owner: Client) -> None:
    a = make(owner, name="Orders API", tags=["production", "eu"])["id"]
    b = make(owner, name="orders_100% page", tags=["eu"])["id"]

    def found(query: str) -> set[str]:
        return {monitor["id"] for monitor in owner.data("GET", f"/v1/monitors?{query}")}

    assert found("tag=eu") == {a, b}
    assert found("tag=production") == {a}
    assert found("tag=prod") == set()
    assert found("tag=%22") == set()
    assert found("name=ORDERS") == {a, b}
    assert found("name=0%25") == {b}
    assert found("name=s_1") == {b}
    assert found("name=api&tag=eu") == {a}


def test_a_deleted_parent_does_not_stand_in_the_way_of_other_changes(owner: Client) -> None:
    parent = make(owner)["id"]
    child = make(owner, depends_on=[parent])["id"]
    owner.data("DELETE", f"/v1/monitors/{parent}")
    assert owner.data("PUT", f"/v1/monitors/{child}", {"name": "Renamed"})["name"] == "Renamed"
    assert owner.data("PUT", f"/v1/monitors/{child}", {"depends_on": []})["depends_on"] == []
    assert "depends_on.0" in owner.error("PUT", f"/v1/monitors/{child}", {"depends_on": [parent]}, status=422)["fields"]


def test_a_password_in_a_url_is_refused_and_what_to_do_is_said(owner: Client) -> None:
    path = f"/v1/monitors/{make(owner)['id']}"
    for url in ("https://probe:pw@shop.example/", "https://:pw@shop.example/", "HTTPS://probe:p%77@shop.example/"):
        for method, where, body in (("POST", "/v1/monitors", url_monitor(url=url)), ("PUT", path, {"url": url})):
            fields = owner.error(method, where, body, status=422)["fields"]
            assert "basic_auth" in fields["url"][0]
            assert "pw" not in str(fields)
    runbook = owner.error("PUT", path, {"runbook_url": "https://me:pw@wiki.example/"}, status=422)["fields"]
    assert "must not contain a password" in runbook["runbook_url"][0]
    make(owner, url="https://probe@shop.example/a:b@c")


def test_stored_secrets_do_not_go_to_another_origin(owner: Client, database: Database, keyring: Keyring) -> None:
    auth = {"username": "probe", "password": "hunter2"}
    headers = {"X-Api-Key": "canary", "X-Plain": "1"}
    monitor = make(owner, url="https://shop.example/", headers=headers, basic_auth=auth)["id"]
    path = f"/v1/monitors/{monitor}"
    masked = {"username": "probe", "password": "********"}

    def kept() -> dict[str, Any]:
        with database.read(EVERY_ORGANIZATION) as session:
            return whole_definition(keyring, session.get_one(Check, monitor))

    for url in (
        "https://evil.example/",
        "http://shop.example/",
        "https://shop.example:8443/",
        "https://x.shop.example/",
    ):
        for more in ({}, {"headers": {"X-Api-Key": "********"}}, {"basic_auth": masked}):
            fields = owner.error("PUT", path, {"url": url, **more}, status=422)["fields"]
            assert set(fields) == {"headers.X-Api-Key", "basic_auth.password"}
            assert "give it anew, or leave it out" in fields["basic_auth.password"][0]
    anew = {"url": "https://evil.example/", "headers": {"X-Api-Key": "new"}}
    assert set(owner.error("PUT", path, anew, status=422)["fields"]) == {"basic_auth.password"}
    assert (kept()["url"], kept()["headers"]) == ("https://shop.example/", headers)
    owner.data("PUT", path, {"url": "https://SHOP.example:443/other"})
    assert (kept()["headers"], kept()["basic_auth"]) == (headers, auth)
    owner.data("PUT", path, {**anew, "basic_auth": None})
    assert (kept()["url"], kept()["headers"], kept()["basic_auth"]) == (anew["url"], anew["headers"], None)


def test_a_monitor_that_nobody_is_told_of_says_so(owner: Client, database: Database, organization: str) -> None:
    channel = add_channel(database, organization)
    path = f"/v1/monitors/{make(owner, tags=['web'])['id']}"

    def untold(method: str = "GET", body: Any = None) -> bool:
        meta = owner(method, path, body).get_json().get("meta", {})
        return any("nobody is told" in line for line in meta.get("warnings", ()))

    assert untold()
    rule = owner.data("POST", "/v1/alert-rules", rule_for({"tags": ["web"]}), status=201)["id"]
    assert untold()  # it names no channel
    owner.data("PUT", f"/v1/alert-rules/{rule}", {"channels": [channel]})
    assert not untold()
    assert untold("PUT", {"tags": ["mail"]})
    assert not untold("PUT", {"tags": ["web"]})
    owner.data("PUT", f"/v1/alert-rules/{rule}", {"enabled": False})
    assert untold()
    owner.data("PUT", f"/v1/alert-rules/{rule}", {"enabled": True})
    with database.write(EVERY_ORGANIZATION, Urgency.PEOPLE) as session:
        session.get_one(AlertChannel, channel).disabled_ms = 1
    assert untold()


def test_an_edit_or_a_deletion_resolves_alerts_with_that_reason_and_a_rename_does_not(
    owner: Client, database: Database, organization: str
) -> None:
    owner.data("POST", "/v1/alert-rules", rule_for({"tags": ["web"]}), status=201)
    cases: list[tuple[str, Any, str | None]] = [
        ("PUT", {"name": "Renamed", "interval": 30}, None),
        ("PUT", {"url": "https://other.example/"}, "Example has another url"),
        ("PUT", {"status": "paused"}, "Example was paused"),
        ("PUT", {"tags": ["mail"]}, "rule a rule does not cover Example any more"),
        ("DELETE", None, "Example was deleted"),
    ]
    for method, change, why in cases:
        monitor = make(owner, tags=["web"])["id"]
        record_one(database, measured(organization, monitor, T0 + 10_000, passed=False))
        owner.data(method, f"/v1/monitors/{monitor}", change)
        [alert] = owner.data("GET", f"/v1/alerts?monitor_id={monitor}")
        assert (alert["resolution"], alert["status"]) == (why, "triggered" if why is None else "resolved")


def rule_for(apply_to: dict[str, Any]) -> dict[str, Any]:
    return {"name": "a rule", "type": "consecutive_failures", "threshold": 1, "apply_to": apply_to}


def test_the_same_locations_and_tags_in_another_order_stay_as_they_were(owner: Client) -> None:
    made_ = make(owner, locations=["b", "a", "c"], tags=["y", "x"])
    changed = owner.data("PUT", f"/v1/monitors/{made_['id']}", {"locations": ["a", "b", "c"], "tags": ["x", "y"]})
    assert (changed["locations"], changed["tags"]) == (["b", "a", "c"], ["y", "x"])
    changed = owner.data("PUT", f"/v1/monitors/{made_['id']}", {"locations": ["a", "b"]})
    assert changed["locations"] == ["a", "b"]
