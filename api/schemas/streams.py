"""What a live stream says."""

from __future__ import annotations

from pydantic import ConfigDict, RootModel

from api.schemas.bare import BareError
from api.schemas.envelope import ErrorAnswer

_EXAMPLE = """: connected

id: 4711
event: run
data: {"id":"run_xyz789","monitor_id":"mon_abc123","status":"failed","location":"us-east",…,"state_changed":true}

id: 4712
event: alert
data: {"event":"triggered","id":"alr_01hm5k3v2axyz","status":"triggered","severity":"critical",…}

id: 4713
event: progress
data: {"id":"run_xyz790","journey_id":"jny_abc123","location":"us-east","progress":{"total":7,"ended":2,…}}

id: 90211
event: event
data: {"event_id":"ev_01HZRX4D2KQ7","level":"error","project":"truecom","issue_id":"iss_0000002v",…}
"""


class StreamMessages(RootModel[str]):
    """Server-Sent Events, as they happen"""

    model_config = ConfigDict(json_schema_extra={"example": _EXAMPLE})


class StreamRefused(RootModel[BareError | ErrorAnswer]):
    """A request that was refused: in an envelope, unless it names a project"""
