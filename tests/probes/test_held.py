"""The books on what is leased: repeated answers, acknowledgements and returns leave them right."""

from __future__ import annotations

from model.protocol import LeasedBatch, LeasedRun
from probes.held import HeldRun, Holdings
from probes.segments import Entry


def _batch(token: int = 1, runs: int = 2) -> LeasedBatch:
    return LeasedBatch("dsp_1", token, [LeasedRun(f"run_{number}", "mon_1", 0) for number in range(runs)])


def _entries(token: int = 1, runs: int = 2) -> list[Entry]:
    return [Entry(b"{}", f"run_{number}", "dsp_1", token) for number in range(runs)]


def test_a_dispatch_that_is_held_or_done_is_not_taken_again_under_the_same_token() -> None:
    holdings = Holdings()
    assert holdings.take(_batch()) is not None
    assert holdings.take(_batch()) is None
    holdings.acknowledged(_entries())
    assert holdings.holding() == []
    assert holdings.take(_batch()) is None
    assert holdings.unacknowledged == 0


def test_a_dispatch_that_comes_back_under_a_newer_token_is_new_work() -> None:
    holdings = Holdings()
    holdings.take(_batch(token=1))
    newer = holdings.take(_batch(token=2))
    assert newer is not None
    assert holdings.take(_batch(token=1)) is None
    holdings.acknowledged(_entries(token=1))
    assert holdings.holding() == ["dsp_1"]
    assert holdings.unacknowledged == 2
    holdings.acknowledged(_entries(token=2))
    assert holdings.holding() == []


def test_runs_given_back_are_named_until_the_api_has_answered_and_then_no_longer_held() -> None:
    holdings = Holdings()
    dispatch = holdings.take(_batch())
    assert dispatch is not None
    run = HeldRun(LeasedRun("run_0", "mon_1", 0), dispatch, 0.0)
    holdings.give_back(run)
    assert run.gone
    told = holdings.released()
    assert [(one.dispatch_id, one.token, one.runs) for one in told] == [("dsp_1", 1, ["run_0"])]
    assert holdings.holding() == ["dsp_1"]
    holdings.release_confirmed(told)
    assert holdings.released() == []
    assert holdings.unacknowledged == 1
    holdings.acknowledged([Entry(b"{}", "run_1", "dsp_1", 1)])
    assert holdings.holding() == []
