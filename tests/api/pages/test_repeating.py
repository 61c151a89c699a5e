"""What comes again and again is chosen, stored as cron, and shown as it was chosen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.errors import Invalid
from api.pages.repeating import DATES, DAYS, cron_of, often, typed_of

NOTHING = {"kind": "", "at": "", "on": "", "date": "", "cron": ""}
times = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
weekly = st.fixed_dictionaries({
    "kind": st.just("weekly"), "at": times,
    "on": st.sets(st.sampled_from(list(DAYS)), min_size=1).map(lambda days: ",".join(d for d in DAYS if d in days)),
})  # fmt: skip
monthly = st.fixed_dictionaries({"kind": st.just("monthly"), "at": times, "date": st.sampled_from(list(DATES))})


@given(weekly | monthly)
def test_what_is_chosen_is_what_is_shown_again(chosen: dict[str, str]) -> None:
    assert typed_of(cron_of({**NOTHING, **chosen})) == chosen


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("0 3 * * *", "every day at 03:00"), ("30 22 * * FRI", "every Friday at 22:30"),
        ("5 4 * * 1,sun", "every Monday and Sunday at 04:05"), ("0 3 * * 0", "every Sunday at 03:00"),
        ("0 3 15 * *", "on the 15. of each month at 03:00"), ("0 3 L * *", "on the last day of each month at 03:00"),
    ],
)  # fmt: skip
def test_it_is_told_in_words(cron: str, words: str) -> None:
    assert often(cron) == words


@pytest.mark.parametrize(
    "cron", ["*/5 * * * *", "0 3 * * SUN#1", "0 3 1 1 *", "0 3 * * 1-5", "0 3 15 * FRI", "0 3 * * 8"]
)
def test_what_cannot_be_chosen_stays_cron(cron: str) -> None:
    assert (typed_of(cron), often(cron)) == ({"kind": "cron", "cron": cron}, None)
    assert cron_of({**NOTHING, "kind": "cron", "cron": cron}) == cron


@pytest.mark.parametrize(
    ("chosen", "field"),
    [
        ({"kind": "weekly", "at": "3", "on": "MON"}, "at"), ({"kind": "weekly", "at": "03:00"}, "on"),
        ({"kind": "monthly", "at": "03:00", "date": "32"}, "date"),
        ({"kind": "monthly", "at": "24:00", "date": "1"}, "at"),
    ],
)  # fmt: skip
def test_what_is_missing_is_said_beside_its_field(chosen: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as wrong:
        cron_of({**NOTHING, **chosen})
    assert list(wrong.value.fields) == [field]
