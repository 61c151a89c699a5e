"""Shapes of keys and the organization."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from api.routes import BodyModel
from api.schemas.envelope import Answer, PageMeta, Shape, Time
from model.fields import Instant, LocationName, Name, ProjectName

ScopeName = Literal["read", "run", "write", "ingest", "admin"]


class ApiKey(Shape):
    """A key, without its secret."""

    id: str
    name: str
    scopes: list[ScopeName]
    hint: Annotated[str, Field(description="How the key begins and ends, to tell keys apart")]
    projects: Annotated[
        list[str] | None, Field(description="Ids of the projects whose errors and traces it may see; null: all")
    ]
    created_at: Time
    expires_at: Time | None
    last_used_at: Time | None


class NewApiKey(ApiKey):
    """A key with its secret: shown now and never again."""

    key: Annotated[str, Field(examples=["trk_…"])]


class ApiKeyAnswer(Answer[ApiKey]):
    """The key."""


class NewApiKeyAnswer(Answer[NewApiKey]):
    """The key, with its secret for the only time."""


class ApiKeyList(Answer[list[ApiKey]]):
    """Keys, newest first."""

    meta: PageMeta


class ApiKeyRequest(BodyModel):
    """A key to be made."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "deploy", "scopes": ["run"]}]})

    name: Name
    scopes: Annotated[list[ScopeName], Field(min_length=1, max_length=5)]
    projects: Annotated[
        list[ProjectName] | None,
        Field(min_length=1, max_length=100, description="By number, slug or id; absent or null: all"),
    ] = None
    expires_at: Annotated[Instant | None, Field(description="Absent or null: never")] = None


class Organization(Shape):
    """A team."""

    id: str
    name: str
    default_locations: Annotated[list[str], Field(description="Where monitors run that name no locations")]
    notice_channels: Annotated[
        list[str] | None, Field(description="Channels that are told what Tracer says about itself; null: all")
    ]
    created_at: Time


class OrganizationAnswer(Answer[Organization]):
    """The key's organization."""


class OrganizationChange(BodyModel):
    """What may change; absent fields stay as they are."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"default_locations": ["us-east", "eu-west"]}]})

    name: Name | None = None
    default_locations: Annotated[
        list[LocationName] | None,
        Field(max_length=50, description="Null or empty: every monitor has to name its locations"),
    ] = None
    notice_channels: Annotated[
        list[Annotated[str, Field(max_length=60)]] | None,
        Field(max_length=100, description="Ids of alert channels; null: all of them, empty: none"),
    ] = None
