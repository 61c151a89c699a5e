"""Source maps: frames are mapped when they are read, by the map that is there then; what is none is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

import api.source_maps
from telemetry.source_maps import map_url, names_of
from telemetry.stored.source_map_rows import SourceMaps
from tests.api.client import Client
from tests.api.conftest import MakeKey
from tests.telemetry.reporting import Reports, event, make_project

sqlite_only = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
RELEASE, SCRIPT = "web@2.4.1", "/static/js/main.abc123.js"
MAP = {"version": 3, "sources": ["src/app.ts"], "names": ["loadData"], "mappings": "AAAA,SAASA,IACP,MAAM,IAAI"}
MINIFIED = {"filename": f"https://cdn.example{SCRIPT}", "function": "a", "lineno": 1, "colno": 13}
MAPPED = {
    "filename": "src/app.ts", "function": "loadData", "lineno": 1, "colno": 10, "in_app": True, "minified": MINIFIED,
}  # fmt: skip


def upload(reports: Reports, content: Any = MAP, key: str | None = None, name: str = "a.map", **fields: str) -> Any:
    """As curl -F sends it."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
        for field, value in {"project": "truecom", "release": RELEASE, "url": SCRIPT, **fields}.items()
    ]
    file = f'--b\r\nContent-Disposition: form-data; name="sourcemap"; filename="{name}"\r\n\r\n'
    return reports.client.post(
        "/v1/sourcemaps",
        data=b"".join(part.encode() for part in (*parts, file)) + raw + b"\r\n--b--\r\n",
        content_type="multipart/form-data; boundary=b",
        headers={"Authorization": f"Bearer {key or reports.owner.key}"},
    )


def minified(event_id: str, filename: str = MINIFIED["filename"], release: str | None = RELEASE) -> dict[str, Any]:  # type: ignore[assignment]
    frames = [{"filename": "native.js", "function": "b"}, {**MINIFIED, "filename": filename}]
    return event(event_id, release=release, exception={"type": "E", "value": "v", "stacktrace": {"frames": frames}})


def frames_of(found: dict[str, Any]) -> Any:
    return found["exception"]["stacktrace"]["frames"]


def test_events_that_came_before_the_map_are_mapped_too(reports: Reports) -> None:
    reports.events(minified("before"))
    assert frames_of(reports.get("/v1/query")["events"][0])[1] == MINIFIED
    made = upload(reports).get_json()
    assert (made["url"], made["size_bytes"], made["release"]) == (SCRIPT, len(json.dumps(MAP)), RELEASE)
    reports.events(
        minified("after"), minified("elsewhere", release="web@9"), minified("other", "https://x.example/y.js")
    )
    shown = {found["event_id"]: frames_of(found)[1] for found in reports.get("/v1/query")["events"]}
    assert shown["before"] == shown["after"] == MAPPED
    assert shown["elsewhere"] == MINIFIED
    assert shown["other"]["filename"] == "https://x.example/y.js"
    one = next(issue for issue in reports.issues() if "loadData" in issue["culprit"])
    assert (one["culprit"], one["count"]) == ("loadData (src/app.ts)", 3), "and web@9, which was the same before"


def test_a_line_that_the_map_says_nothing_of_stays_as_it_was(reports: Reports) -> None:
    assert upload(reports).status_code == 201
    frame = {**MINIFIED, "lineno": 99}
    reports.events(
        event("e1", release=RELEASE, exception={"type": "E", "value": "v", "stacktrace": {"frames": [frame]}})
    )
    [found] = reports.get("/v1/query")["events"]
    [shown] = frames_of(found)
    assert (shown["filename"], shown["lineno"]) == (frame["filename"], 99)
    assert "minified" not in shown


def test_issues_that_a_map_shows_to_be_one_are_made_one(reports: Reports) -> None:
    reports.events(
        minified("a"),
        minified("b", f"https://cdn.example{SCRIPT.replace('main', 'other')}"),
        minified("c", release="web@9"),
    )
    assert len(reports.issues()) == 2, "builds of one file are one before; another file is another"
    for url in (SCRIPT, SCRIPT.replace("main", "other")):
        assert upload(reports, url=url).status_code == 201
    [one] = reports.issues()
    assert (one["count"], one["releases"]) == (3, ["web@9", "web@2.4.1"])
    reports.events(minified("d"), minified("e", release="web@9"))
    assert [issue["count"] for issue in reports.issues()] == [5]


def test_a_later_map_of_the_same_file_takes_the_place_of_the_one_before(reports: Reports) -> None:
    reports.events(minified("a"))
    for source in ("one.ts", "two.ts"):
        assert upload(reports, {**MAP, "sources": [source]}).status_code == 201
        assert frames_of(reports.get("/v1/query")["events"][0])[1]["filename"] == source


def test_the_maps_there_are_are_listed_the_newest_first_in_pages(
    reports: Reports, make_key: MakeKey, make_organization: Callable[[str], str]
) -> None:
    other = make_project(reports.owner, "other")
    made = [upload(reports, url=f"/{number}.js").get_json() for number in range(3)]
    elsewhere = upload(reports, release="web@9").get_json()
    foreign = upload(reports, project="other").get_json()
    again = upload(reports, url="/0.js").get_json()
    listed = reports.get("/v1/sourcemaps", release=RELEASE)
    assert listed == {"source_maps": [again, made[2], made[1]], "cursor": None}
    assert reports.get("/v1/sourcemaps")["source_maps"] == [again, elsewhere, made[2], made[1]]
    assert other.get("/v1/sourcemaps")["source_maps"] == [foreign]
    first = reports.get("/v1/sourcemaps", release=RELEASE, limit=2)
    assert first["source_maps"] == [again, made[2]]
    rest = reports.get("/v1/sourcemaps", release=RELEASE, limit=2, cursor=first["cursor"])
    assert rest == {"source_maps": [made[1]], "cursor": None}
    stranger = Client(reports.client, make_key(organization_id=make_organization("Elsewhere")))
    assert stranger("GET", "/v1/sourcemaps").get_json()["source_maps"] == []
    reports.get("/v1/sourcemaps", 400, cursor="x")
    assert Client(reports.client, make_key(["ingest"]))("GET", "/v1/sourcemaps").status_code == 403


def test_a_map_for_a_url_is_of_that_host_alone_and_goes_before_one_for_a_path(reports: Reports) -> None:
    upload(reports, {**MAP, "sources": ["any.ts"]})
    upload(reports, {**MAP, "sources": ["cdn.ts"]}, url=f"https://cdn.example{SCRIPT}?v=1")
    reports.events(
        minified("cdn"), minified("any", f"https://other.example{SCRIPT}"), minified("app", f"app://x{SCRIPT}")
    )
    shown = {found["event_id"]: frames_of(found)[1]["filename"] for found in reports.get("/v1/query")["events"]}
    assert shown == {"cdn": "cdn.ts", "any": "any.ts", "app": "any.ts"}


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{}", b"[]", b"null", b"not json", b"\xff", b"[" * 100_000, b'{"version": 3}',
        {**MAP, "version": 2}, {**MAP, "mappings": "!!!!"}, {**MAP, "mappings": 5}, {**MAP, "sources": "x"},
        {"version": 3, "sections": 5},
    ],
)  # fmt: skip
@sqlite_only
def test_what_is_no_source_map_is_400_and_says_so(reports: Reports, content: Any) -> None:
    answer = upload(reports, content)
    assert answer.status_code == 400
    assert "source map" in answer.get_json()["error"]["message"]


@sqlite_only
def test_a_map_may_have_50_mebibytes(reports: Reports, monkeypatch: pytest.MonkeyPatch) -> None:
    assert api.source_maps.MOST_BYTES == 50 << 20
    assert upload(reports, b" " * (52 << 20)).status_code == 413
    whole = json.dumps(MAP).encode()
    monkeypatch.setattr(api.source_maps, "MOST_BYTES", len(whole))  # the same by the megabyte takes seconds
    assert upload(reports, whole).status_code == 201
    assert upload(reports, whole + b" ").status_code == 413


@sqlite_only
def test_a_name_is_never_a_path(reports: Reports, make_key: MakeKey) -> None:
    assert upload(reports, name="../../x").status_code == 201
    for url in ("../../x", "/static/../../x", "", "/", "https://cdn.example", "x\x00y"):
        assert upload(reports, url=url).status_code == 400, url
    for field in ({"release": ""}, {"project": ""}, {"release": "x" * 201}, {"release": "a\nb"}):
        assert upload(reports, **field).status_code == 400, field
    assert upload(reports, project="shop").status_code == 403
    assert upload(reports, key=make_key(["write"])).status_code == 403
    bare = reports.client.post("/v1/sourcemaps", data=b"x", headers={"Authorization": f"Bearer {reports.owner.key}"})
    assert bare.status_code == 400


def test_urls_and_files_meet_whatever_they_are_called() -> None:
    assert map_url("static/a.js") == map_url("~/static/a.js") == map_url(" /static/a.js?x#y") == "/static/a.js"
    assert names_of("https://h/static/a.js?v=2") == ("https://h/static/a.js", "/static/a.js")
    assert names_of("~/static/a.js") == names_of("static/a.js") == ("/static/a.js",)


@sqlite_only
def test_a_process_keeps_only_so_many_bytes_of_maps_ready(reports: Reports, database: Any) -> None:
    for number in range(3):
        upload(reports, {**MAP, "sources": [f"{number}.ts"]}, url=f"/{number}.js")
    maps = SourceMaps(database.telemetry, most_bytes=2 * len(json.dumps(MAP)))
    for number in (0, 1, 2, 0):
        frame = {**MINIFIED, "filename": f"/{number}.js"}
        [mapped] = maps.mapper(reports.project["id"])(RELEASE, [frame])
        assert mapped["filename"] == f"{number}.ts"
    assert len(maps._ready) == 2
