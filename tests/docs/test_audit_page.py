"""The pages on the audit log and on plans are true."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

import yaml

from model.plans import Plans
from store.audited import AUDITED
from tests.api.audited_routes import CHANGES
from tests.docs.test_pages import ROOT, blocks

AUDIT = (ROOT / "docs/how-to/audit-log.md").read_text()
PLANS = (ROOT / "docs/how-to/usage-and-plans.md").read_text()
ROWS = [line.split("|")[1:3] for line in AUDIT.splitlines() if line.startswith("| `")]


def test_every_kind_of_thing_has_its_row_with_what_is_done_to_it() -> None:
    told = {
        f"{kind}.{verb}"
        for kinds, verbs in ROWS
        for kind in re.findall(r"`(\w+)`", kinds)
        for verb in re.findall(r"`(\w+)`", verbs)
    }
    assert {action for _, actions in CHANGES.values() for action in actions.split()} <= told
    kinds = {audited.kind(SimpleNamespace(kind=of)) for audited in AUDITED.values() for of in ("network", "browser")}
    assert kinds <= {action.partition(".")[0] for action in told}


def test_the_example_of_plans_is_one() -> None:
    (file,) = blocks(PLANS, "yaml")
    plans = Plans.model_validate(yaml.safe_load(file))
    assert (plans.default, plans.of("org_01hm6aqh20x4v9n2k7r1c3").id) == ("free", "team")
    (usage,) = blocks(PLANS, "json")
    assert json.loads(usage)["usage"].keys() == plans.of("org_1").limits.model_dump().keys()
