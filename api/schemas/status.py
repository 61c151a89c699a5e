"""Shapes of status pages and of what is posted on them."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    RootModel,
    StringConstraints,
    Tag,
    model_validator,
)

from api.schemas.envelope import Answer, PageMeta, Shape, Time
from api.schemas.partial import change_of
from model.colours import Colour
from model.definition import Strict
from model.fields import CheckId, Name, Shaped, Text
from model.pictures import KINDS, MAX_BYTES, BadPictureError, picture_type
from model.validation import FieldsError

MOST_GROUPS, MOST_COMPONENTS = 50, 300
_SLUG = r"^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$"
Slug = Annotated[
    str,
    Shaped(_SLUG, "must be 1 to 64 small letters, digits and hyphens, such as shop-eu, with no hyphen at its ends"),
    Field(description="its address is /status/ and this: small letters, digits and hyphens, 64 at most"),
]
UpdateStatus = Literal["investigating", "identified", "monitoring", "resolved"]


def _trimmed(text: str) -> str:
    if not text.strip():
        raise ValueError("must say something")
    return text.strip()


Message = Annotated[Text, StringConstraints(max_length=5_000), AfterValidator(_trimmed)]


class Component(Strict):
    """A check under the name that strangers shall see."""

    id: CheckId
    name: Annotated[Name | None, Field(description="null: the check's own")] = None


def _how(value: object) -> str:
    return "type=id" if isinstance(value, str) else "type=named"


Placed = Annotated[
    Annotated[CheckId, Tag("type=id")] | Annotated[Component, Tag("type=named")],
    Discriminator(_how),
]
"""A tag that begins with `type=` stays out of the paths of messages (model/validation.py)."""


class Group(Strict):
    """Checks that belong together."""

    name: Name
    checks: Annotated[
        tuple[Placed, ...],
        Field(max_length=MOST_COMPONENTS, strict=False, description="ids, or {id, name}"),
    ] = ()

    @property
    def components(self) -> list[Component]:
        return [Component(id=given) if isinstance(given, str) else given for given in self.checks]


class Colours(Strict):
    """Of a page. What is written on them is made readable, whatever they are."""

    brand: Annotated[Colour | None, Field(description="of the band at the top, behind the logo")] = None
    accent: Annotated[Colour | None, Field(description="of links and buttons")] = None


class LogoUpload(Strict):
    """A picture to show above the page."""

    content_base64: Annotated[
        str, Field(max_length=MAX_BYTES * 4 // 3 + 8, description=f"{KINDS}, {MAX_BYTES >> 10} KiB at most")
    ]

    @model_validator(mode="after")
    def _is_a_picture(self) -> Self:
        try:
            picture_type(self.content)
        except (BadPictureError, binascii.Error) as error:
            said = str(error) if isinstance(error, BadPictureError) else "must be base64"
            raise FieldsError({"content_base64": said}) from None
        return self

    @property
    def content(self) -> bytes:
        return base64.b64decode(self.content_base64, validate=True)


class PageDefinition(Strict):
    """A status page: what strangers see at /status/<slug>."""

    slug: Slug
    title: Name
    groups: Annotated[tuple[Group, ...], Field(max_length=MOST_GROUPS, strict=False)] = ()
    public: Annotated[bool, Field(description="false: only members see it, once they have signed in")] = True
    logo: LogoUpload | None = None
    colours: Colours = Colours()

    @model_validator(mode="after")
    def _each_check_once(self) -> Self:
        seen: set[str] = set()
        wrong = {}
        for place, group in enumerate(self.groups):
            for number, component in enumerate(group.components):
                if component.id in seen:
                    wrong[f"groups.{place}.checks.{number}"] = "is on the page already"
                seen.add(component.id)
        if len(seen) > MOST_COMPONENTS:
            wrong["groups"] = f"must not hold more than {MOST_COMPONENTS} checks in all"
        if wrong:
            raise FieldsError(dict(list(wrong.items())[:50]))
        return self


class NewPage(PageDefinition):
    """A page to be made."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"slug": "acme", "title": "Acme", "groups": [{"name": "Shop", "checks": []}],
                 "colours": {"accent": "#2b59c3"}},
            ]
        }
    )  # fmt: skip


PageFields: type[BaseModel] = change_of(PageDefinition, "PageFields", "What may change of a status page.")


class PageChange(RootModel[PageFields]):  # type: ignore[valid-type]
    """What may change. Absent fields stay as they are; `logo: null` takes the logo away."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"title": "Acme status"}]})


class Logo(Shape):
    """The logo that is stored."""

    content_type: str
    size_bytes: int
    url: str


class StatusPage(Shape):
    """A status page."""

    id: str
    slug: str
    title: str
    groups: tuple[Group, ...]
    public: bool
    logo: Logo | None
    colours: Colours
    url: Annotated[str, Field(description="Where strangers see it")]
    subscribers: Annotated[int, Field(description="Confirmed addresses that get its updates by mail")]
    created_at: Time
    updated_at: Time


PAGE: dict[str, Any] = {
    "id": "page_01hm5k3v2axyz",
    "slug": "acme",
    "title": "Acme",
    "groups": [{"name": "Shop", "checks": ["mon_abc123", {"id": "jny_abc123", "name": "Checkout"}]}],
    "public": True,
    "logo": None,
    "colours": {"brand": None, "accent": "#2b59c3"},
    "url": "https://tracer.example/status/acme",
    "subscribers": 0,
    "created_at": "2024-01-15T10:00:00.000Z",
    "updated_at": "2024-01-15T10:00:00.000Z",
}


class PageAnswer(Answer[StatusPage]):
    """The page."""

    model_config = ConfigDict(json_schema_extra={"example": {"success": True, "data": PAGE}})


class PageList(Answer[list[StatusPage]]):
    """Pages, newest first."""

    meta: PageMeta


class NewUpdate(Strict):
    """What is known now. With no `incident` it goes on with the one that is open, or begins one where none is."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"status": "investigating", "message": "Orders fail for some of you. We are looking into it."}]
        }
    )

    status: UpdateStatus
    message: Message
    incident: Annotated[
        str | None,
        StringConstraints(pattern=r"^(new|pinc_[0-9a-z]{6,40})$"),
        Field(description="an incident's id, or `new` to begin one beside those that are open"),
    ] = None
    title: Annotated[Name | None, Field(description="of a new incident; default the message's first line")] = None
    components: Annotated[
        tuple[CheckId, ...], Field(max_length=100, strict=False, description="of a new incident: checks on the page")
    ] = ()


class UpdateChange(Strict):
    """Other words for what was posted. Mails that are sent stay sent."""

    message: Message


class StatusUpdate(Shape):
    """A post on a status page, and the incident that it tells of."""

    id: str
    page_id: str
    status: UpdateStatus
    message: str
    at: Time
    edited_at: Time | None
    by: Annotated[str, Field(description="For you: the page does not show it")]
    incident_id: str
    title: str
    components: list[str]
    incident_status: UpdateStatus
    began_at: Time
    resolved_at: Time | None


UPDATE: dict[str, Any] = {
    "id": "upd_01hm5k3v2axyz",
    "page_id": "page_01hm5k3v2axyz",
    "status": "investigating",
    "message": "Orders fail for some of you. We are looking into it.",
    "at": "2024-01-15T10:00:00.000Z",
    "edited_at": None,
    "by": "Ada",
    "incident_id": "pinc_01hm5k3v2axyz",
    "title": "Orders fail",
    "components": ["jny_abc123"],
    "incident_status": "investigating",
    "began_at": "2024-01-15T10:00:00.000Z",
    "resolved_at": None,
}


class UpdateAnswer(Answer[StatusUpdate]):
    """The update."""

    model_config = ConfigDict(json_schema_extra={"example": {"success": True, "data": UPDATE}})


class UpdateList(Answer[list[StatusUpdate]]):
    """Updates, newest first."""

    meta: PageMeta
