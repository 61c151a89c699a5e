"""Where the evidence of journeys that were walked on this machine goes."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from cli.ci.evidence import file_name, folder_name
from cli.ci.results import Artifact, JourneyResult
from model.outcome import Outcome


class Keeping:
    """`folder`: where all of it is kept. With none named, only that of journeys that did not pass is, in a new folder
    beside other temporary files, made when the first of them needs it: who looks for nothing is left nothing."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._all = folder is not None

    def keep(self, result: JourneyResult, outcome: Outcome, found: Path) -> JourneyResult:
        """The result with the paths of its files, moved out of `found`, where they are named by their sha256."""
        if not self._all and result.status == "success":
            return result
        place = self._made() / folder_name(result)
        place.mkdir(parents=True, exist_ok=True)
        artifacts = []
        for evidence in outcome.artifacts:
            artifact = Artifact(evidence.type, "", evidence.content_type, evidence.step_index)
            path = place / file_name(artifact)
            shutil.move(found / evidence.sha256, path)
            artifacts.append(replace(artifact, where=str(path)))
        return replace(result, artifacts=artifacts)

    def _made(self) -> Path:
        if self.folder is None:
            self.folder = Path(tempfile.mkdtemp(prefix="tracer-evidence-"))
        return self.folder
