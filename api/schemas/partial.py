"""The shape of a change: every field of a definition, none of them required, null to clear an optional one."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, create_model


def change_of(definition: type[BaseModel], name: str, about: str) -> type[BaseModel]:
    """What a PUT may hold for something that is defined like this. For the OpenAPI: what it makes of the stored
    definition is judged as a whole."""
    fields: dict[str, Any] = {}
    for field, info in definition.model_fields.items():
        kept: Any = Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation
        fields[field] = (kept | None, Field(None, alias=info.alias, description=info.description))
    config = ConfigDict(extra="forbid", title=name)
    made: type[BaseModel] = create_model(name, __config__=config, __doc__=about, **fields)
    return made
