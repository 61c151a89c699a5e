"""Shapes of the artifacts of agents' runs (seed 002)."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from api.routes import BodyModel
from api.schemas.envelope import Shape

MOST_BYTES = 100 << 20
_SHA256 = "7d793037a0760186574b0282f2f435e7b5b1d4f0c0e7d5f1b1e0a5f6a3f0c9de"
_KEPT: dict[str, Any] = {
    "artifact_id": "art_01hm6aqh20z1g8qzwtkn12",
    "storage_path": f"artifacts/org_01hm6aqh20z1g8qzwtkn10/{_SHA256[:2]}/{_SHA256[2:]}",
}


class ArtifactToRegister(BodyModel):
    """A file whose bytes come later, as a form with the same content."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"content_type": "image/png", "size_bytes": 48213, "sha256": _SHA256}]}
    )

    content_type: Annotated[str, Field(min_length=1, max_length=200)]
    size_bytes: Annotated[int, Field(ge=0, le=2**53)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ArtifactForm(BaseModel):
    """A file, as a form."""

    file: Annotated[str, Field(json_schema_extra={"format": "binary"}, description="At most 100 MiB")]
    sha256: Annotated[str, Field(description="Of the file; another one is refused")] = ""


class KeptArtifact(Shape):
    """It is here, or will be."""

    model_config = ConfigDict(json_schema_extra={"example": _KEPT})

    artifact_id: Annotated[str, Field(description="`/artifacts/{artifact_id}` opens it, for who may read the run")]
    storage_path: Annotated[str, Field(description="Where it lies on the server; no address")]
