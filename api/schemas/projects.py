"""Shapes of projects."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, RootModel, StringConstraints

from api.routes import BodyModel
from api.schemas.envelope import Shape, Time
from model.fields import Name, Shaped, one_line

_EXAMPLE: dict[str, Any] = {
    "id": 12,
    "project_id": "proj_01hm5k3v2a",
    "slug": "truecom",
    "name": "Truecom",
    "quota": {"events": 100_000, "traces": None},
    "usage": {
        "events": {"stored": 4_213, "dropped": {}}, "traces": {"stored": 90_211, "dropped": {"too_old": 3}},
        "generations": {"stored": 0, "dropped": {}},
    },
    "retention_days": 90,
    "repository": "https://git.example.com/truecom/shop.git",
    "repository_token": "********",
    "keys": [
        {
            "public_key": "5f0c1d2e3f4051625f0c1d2e3f405162",
            "dsn": "https://5f0c1d2e3f4051625f0c1d2e3f405162@tracer.example/v1/ingest", "server_only": False,
            "created_at": "2024-01-15T10:00:00.000Z",
        }
    ],
    "created_at": "2024-01-15T10:00:00.000Z",
}  # fmt: skip


def _no_id(slug: str) -> str:
    if slug.startswith("proj_"):
        raise ValueError("must not begin with proj_, as ids do")
    return slug


Slug = Annotated[
    str,
    AfterValidator(_no_id),
    StringConstraints(max_length=64),
    Shaped(
        r"^([a-z][a-z0-9_-]*|[0-9]+[a-z_-][a-z0-9_-]*)$",
        "must be small letters, digits, - and _, such as shop-web, and not digits only",
    ),
    Field(description="Lower case letters, digits, - and _; not digits only"),
]
Repository = Annotated[str, StringConstraints(min_length=1, max_length=2000), AfterValidator(one_line)]
RepositoryToken = Annotated[
    str, Shaped(r"^[\x21-\x7e]{1,500}$", "must be at most 500 letters, digits and signs, with no space among them")
]
Quota = Annotated[int, Field(ge=0, le=10**15)]


class ProjectQuota(Shape):
    """What may be stored in a calendar month (UTC); null: any number."""

    events: int | None
    traces: Annotated[int | None, Field(description="Spans")]


class KindUsage(Shape):
    """Of one kind, this month."""

    stored: int
    dropped: Annotated[dict[str, int], Field(description="How many, by reason")]


class ProjectUsage(Shape):
    """What was stored and dropped this month."""

    events: KindUsage
    traces: KindUsage
    generations: KindUsage


class ProjectKey(Shape):
    """A public key, and the DSN that SDKs take."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE["keys"][0]})

    public_key: str
    dsn: str
    server_only: Annotated[bool, Field(description="It needs an API key with the scope `ingest` beside it")]
    created_at: Time


class Project(Shape):
    """One application that reports to Tracer."""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})

    id: Annotated[int, Field(description="Its number, unique in all of Tracer")]
    project_id: str
    slug: str
    name: str
    quota: ProjectQuota
    usage: ProjectUsage
    retention_days: int
    repository: Annotated[str | None, Field(description="What fixes of its incidents are for")]
    repository_token: Annotated[str | None, Field(description="Never shown: stars where there is one")]
    keys: list[ProjectKey]
    created_at: Time


class ProjectList(RootModel[list[Project]]):
    """The projects that this token may see."""

    model_config = ConfigDict(json_schema_extra={"example": [_EXAMPLE]})


class QuotaRequest(BodyModel):
    """What may be stored in a calendar month; null or absent: any number."""

    events: Quota | None = None
    traces: Quota | None = None


class ProjectRequest(BodyModel):
    """A project to be made."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "Truecom", "slug": "truecom"}]})

    name: Name
    slug: Slug
    quota: QuotaRequest = QuotaRequest()
    retention_days: Annotated[int, Field(ge=1, le=3650, description="How long what arrives is kept")] = 90


class ProjectChange(BodyModel):
    """What may change; absent fields stay as they are."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"quota": {"events": 100_000}}]})

    name: Name | None = None
    slug: Slug | None = None
    quota: QuotaRequest | None = None
    retention_days: Annotated[int, Field(ge=1, le=3650)] | None = None
    repository: Annotated[
        Repository | None,
        Field(
            description="The git repository that fixes of its incidents are for: an https:// address, or a path under "
            "TRACER_FIX_REPOSITORIES; null: none. Another one forgets the token of the one before"
        ),
    ] = None
    repository_token: Annotated[
        RepositoryToken | None,
        Field(description="What it is read with, such as an access token for contents; null: nothing. Write-only"),
    ] = None


class ProjectKeyRequest(BodyModel):
    """A further public key."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"server_only": True}]},
        openapi_extra={"required": False},  # type: ignore[typeddict-unknown-key]
    )

    server_only: bool = False
