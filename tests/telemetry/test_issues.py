"""Issues: which events are one, what people decide, and lists that stay the same while events come in."""

from __future__ import annotations

from typing import Any

from telemetry.fingerprints import fingerprint_of, plain
from telemetry.frames import frame_of, written
from tests.api.conftest import Client, MakeKey
from tests.conftest import Clock
from tests.telemetry.reporting import Reports, event, make_project, message


def key(*frames: dict[str, Any], kind: str = "E", text: str = "", own: tuple[str, ...] = ()) -> str:
    return fingerprint_of(own, kind, text, [frame_of(frame) for frame in frames])[0]


def call(filename: str, function: str = "f", **more: Any) -> dict[str, Any]:
    return {"filename": filename, "function": function, **more}


def test_the_applications_calls_make_a_fingerprint_whatever_line_build_or_host() -> None:
    one = key(call("https://a.example/js/main.3f9ac2d1.js?v=1", lineno=3), call("node_modules/x/y.js"))
    assert one == key(call("http://b.example/js/main.77aa01ff.js", lineno=9), text="something else")
    assert one == key(call("/js/main.js"), call("/js/main.js"), call("lib.js", in_app=False))
    assert one != key(call("/js/main.js", "g"))
    assert one != key(call("/js/main.js"), kind="Other")


def test_without_calls_it_is_the_text_without_numbers_and_ids() -> None:
    assert plain("User 4711 of 0f8fad5b-d9cb-469f-a165-70867728950e not in eu-1") == "User # of # not in eu-#"
    assert key(text="User 1 gone") == key(text="User 22 gone") != key(text="User 1 here")
    assert key(call("x.js", in_app=False), text="a 1") == key(text="a 2")


def test_an_events_own_fingerprint_is_respected() -> None:
    assert key(call("a"), own=("mine",)) == key(call("b"), own=("mine",)) != key(call("a"))
    assert key(call("a"), own=("{{ default }}", "x")) != key(call("b"), own=("{{ default }}", "x"))


def test_stack_traces_as_text_have_frames() -> None:
    python = 'T:\n  File "/app/shop.py", line 3, in buy\n  File "/x/site-packages/lib.py", line 9, in go\nKeyError: 1'
    assert [(f["filename"], f["function"], f["lineno"], f["in_app"]) for f in written(python)] == [
        ("/app/shop.py", "buy", 3, True), ("/x/site-packages/lib.py", "go", 9, False),
    ]  # fmt: skip
    script = "TypeError: x\n    at inner (https://a.example/main.js:1:200)\n    at https://a.example/main.js:2:7"
    assert [(f["function"], f["lineno"], f["colno"]) for f in written(script)] == [("", 2, 7), ("inner", 1, 200)]
    java = "x.E: y\n\tat com.shop.Cart.buy(Cart.java:12)\n\tat java.lang.Thread.run(Thread.java:833)"
    assert [(f["filename"], f["function"]) for f in written(java)] == [
        ("Thread.java", "java.lang.Thread.run"), ("Cart.java", "com.shop.Cart.buy"),
    ]  # fmt: skip


def test_an_issue_says_what_how_often_whom_since_when_and_in_which_releases(reports: Reports, clock: Clock) -> None:
    for number in range(5):
        reports.events(event(f"e{number}", user={"id": f"u{number % 2}"}, release=f"web@{number // 3}"))
        clock.advance(1_000)
    reports.events(message("m", "User 12 has gone"), message("n", "User 13 has gone"))
    newer, issue = reports.issues()
    assert (newer["title"], newer["count"], newer["level"]) == ("User 12 has gone", 2, "info")
    assert issue == {
        "id": issue["id"], "project": "truecom", "fingerprint": issue["fingerprint"],
        "title": "TypeError: x is undefined", "culprit": "loadData (app/page.tsx)", "level": "error", "status": "open",
        "first_seen": "2024-01-15T10:30:00.000Z", "last_seen": "2024-01-15T10:30:04.000Z", "count": 5, "user_count": 2,
        "releases": ["web@1", "web@0"], "regression": None,
    }  # fmt: skip
    assert reports.owner("GET", f"/v1/issues/{issue['id']}").get_json() == {**issue, "checks": []}
    [matching] = reports.issues(q="release:web@1")
    assert (matching["id"], matching["count"], matching["user_count"]) == (issue["id"], 2, 2)
    assert reports.issues(q="level:fatal") == []


def test_what_happened_before_the_fix_and_is_told_late_is_no_relapse(reports: Reports, clock: Clock) -> None:
    reports.events(event("a", release="web@1"))
    [issue] = reports.issues()
    clock.advance(60_000)
    reports.put(f"/v1/issues/{issue['id']}", {"status": "resolved"})
    clock.advance(60_000)
    reports.events(event("late", release="web@1", timestamp="2024-01-15T10:30:30Z"))
    assert reports.issues(status="open") == []
    reports.events(event("slow clock", release="web@2", timestamp="2023-01-15T10:30:30Z"))
    [back] = reports.issues(status="open")
    assert back["regression"]["release"] == "web@2"
    reports.put(f"/v1/issues/{issue['id']}", {"status": "resolved"})
    clock.advance(60_000)
    reports.events(event("late too", release="web@1", timestamp="2024-01-15T10:30:30Z"), event("now", release="web@3"))
    [back] = reports.issues(status="open")
    assert back["regression"]["release"] == "web@3"


def test_a_resolved_issue_comes_back_with_its_release(reports: Reports, clock: Clock) -> None:
    reports.events(event("a", release="web@1"))
    [issue] = reports.issues()
    path = f"/v1/issues/{issue['id']}"
    assert reports.put(path, {"status": "resolved"})["status"] == "resolved"
    assert reports.issues(status="open") == []
    clock.advance(60_000)
    reports.events(event("b", release="web@2"))
    [back] = reports.issues(status="open")
    assert back["regression"] == {"at": "2024-01-15T10:31:00.000Z", "release": "web@2"}
    assert reports.put(path, {"status": "ignored"})["regression"] is None
    reports.events(event("c", release="web@3"))
    assert reports.issues()[0]["status"] == "ignored"


def test_merged_issues_are_one_also_for_events_to_come(reports: Reports, clock: Clock) -> None:
    reports.events(
        event("a", user={"id": "u1"}, release="web@1"), message("b", "boom", user={"id": "u1"}, release="web@2")
    )
    clock.advance(1_000)
    reports.events(message("c", "boom", user={"id": "u2"}), message("d", "other"))
    other, boom, typed = reports.issues()
    one = reports.put(f"/v1/issues/{boom['id']}", {"merge_into": typed["id"]})
    assert (one["id"], one["count"], one["user_count"], one["releases"]) == (typed["id"], 3, 2, ["web@2", "web@1"])
    reports.events(message("e", "boom"), event("f"))
    assert [(issue["id"], issue["count"]) for issue in reports.issues()] == [(typed["id"], 5), (other["id"], 1)]
    assert [(issue["id"], issue["count"]) for issue in reports.issues(q="-other")] == [(typed["id"], 5)]
    assert {event["issue_id"] for event in reports.get("/v1/query", q="-other")["events"]} == {typed["id"]}
    assert reports.owner("GET", f"/v1/issues/{boom['id']}").get_json()["id"] == typed["id"]
    assert reports.found(issue=typed["id"]) == ["f", "e", "c", "b", "a"]
    assert reports.found("boom", issue=typed["id"], limit=2) == ["e", "c"]
    assert reports.found(issue=other["id"]) == ["d"]
    assert reports.found(issue="iss_99999999") == []
    reports.get("/v1/query", issue="mon_1", answers=400)
    reports.put(f"/v1/issues/{other['id']}", {"merge_into": boom["id"]})
    assert [issue["count"] for issue in reports.issues()] == [6]


def test_what_can_not_be_decided_is_refused(reports: Reports, owner: Client) -> None:
    reports.events(event("a"))
    other = make_project(owner, "shop")
    other.events(event("a"))
    [issue], [foreign] = reports.issues(), other.issues()
    path = f"/v1/issues/{issue['id']}"
    reports.put(path, {"merge_into": issue["id"]}, status=409)
    reports.put(path, {"merge_into": foreign["id"]}, status=409)
    for body in ({"merge_into": "iss_99999999"}, {"merge_into": "x"}, {"status": "closed"}, {"colour": "red"}):
        reports.put(path, body, status=400)
    for unknown in ("iss_99999999", "iss_uuuuuuuu", "iss_1"):
        assert owner("GET", f"/v1/issues/{unknown}").status_code == 404


def test_pages_of_issues_show_what_there_was_each_once(reports: Reports) -> None:
    reports.events(*(event(f"e{number}", fingerprint=f"f{number}") for number in range(7)))
    for query in ({}, {"q": "level:error"}):
        first = reports.get("/v1/issues", limit=3, **query)
        # what was shown already, what is still to come, and something new have events meanwhile
        late = f"late{len(query)}"
        reports.events(*(event(f"{late}{name}", fingerprint=name) for name in ("f6", "f1", late)))
        second = reports.get("/v1/issues", limit=3, cursor=first["cursor"], **query)
        third = reports.get("/v1/issues", limit=9, cursor=second["cursor"], **query)
        shown = [issue["fingerprint"] for page in (first, second, third) for issue in page["issues"]]
        assert sorted(shown) == sorted(set(shown))
        assert set(shown) >= {f"f{number}" for number in range(7)}
        assert late not in shown
        assert third["cursor"] is None
    reports.get("/v1/issues", cursor="1", answers=400)


def test_a_key_for_certain_projects_sees_no_other(reports: Reports, owner: Client) -> None:
    other = make_project(owner, "shop")
    reports.events(event("a"))
    other.events(event("b"))
    made = owner.data("POST", "/v1/api-keys", {"name": "k", "scopes": ["write"], "projects": ["shop"]}, status=201)
    assert made["projects"] == [other.project["project_id"]]
    narrow = Client(owner.client, made["key"])
    assert [project["slug"] for project in narrow("GET", "/v1/projects").get_json()] == ["shop"]
    assert [found["event_id"] for found in narrow("GET", "/v1/query").get_json()["events"]] == ["b"]
    assert narrow("GET", "/v1/query?project=truecom").status_code == 403
    assert narrow("GET", "/v1/projects/truecom").status_code == 404
    assert narrow("PUT", f"/v1/issues/{reports.issues()[0]['id']}", {"status": "resolved"}).status_code == 404
    assert narrow("POST", "/v1/projects", {"name": "More", "slug": "more"}).status_code == 403
    assert owner.error("POST", "/v1/api-keys", {"name": "k", "scopes": ["read"], "projects": ["x"]}, status=422)[
        "fields"
    ]


def test_sixty_looks_a_minute_for_each_token_counted_by_all_processes(
    reports: Reports, owner: Client, make_key: MakeKey, own_app: Any
) -> None:
    mine, others = make_key(["read"]), make_key(["read"])
    apps = (owner.client, own_app.test_client())  # two processes of the API, but for the memory between them
    paths = ("/v1/query", "/v1/issues", "/v1/projects")
    for number in range(60):
        answer = Client(apps[number % 2], mine)("GET", paths[number % 3])
        assert answer.status_code == 200, number
    for app in apps:
        over = Client(app, mine)("GET", "/v1/query")
        assert over.status_code == 429
        assert 1 <= int(over.headers["Retry-After"]) <= 60
        assert over.get_json()["error"]["code"] == "rate_limited"
    assert Client(apps[0], mine)("GET", "/v1/monitors").status_code == 200
    assert Client(apps[0], others)("GET", "/v1/query").status_code == 200
