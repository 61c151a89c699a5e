"""What comes again and again, as people choose it: days of the week, a day of the month; stored as cron. Both ways."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from api.errors import Invalid
from api.pages.words import listed

DAYS: Final = {"MON": "Monday", "TUE": "Tuesday", "WED": "Wednesday", "THU": "Thursday", "FRI": "Friday",
               "SAT": "Saturday", "SUN": "Sunday"}  # fmt: skip
LAST: Final = "L"
DATES: Final = {**{str(number): f"{number}." for number in range(1, 32)}, LAST: "last day"}
KINDS: Final = ("weekly", "monthly", "cron")
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)
_CRON = re.compile(r"([0-5]?\d) ([01]?\d|2[0-3]) (\S+) \* (\S+)", re.ASCII)
_BY_NUMBER = ("SUN", *list(DAYS)[:6], "SUN")


def cron_of(typed: Mapping[str, str]) -> str:
    """`kind` and what belongs to it: `at` (HH:MM), `on` (`MON,WED`) or `date` (`15`, `L`); `cron` itself. Invalid."""
    if typed["kind"] == "cron":
        return typed["cron"]
    found = _TIME.fullmatch(typed["at"])
    wrong = {} if found else {"at": ["must be a time of day such as 03:00"]}
    days = [day for day in DAYS if day in typed["on"].split(",")]
    if typed["kind"] == "weekly" and not days:
        wrong["on"] = ["must name at least one day"]
    if typed["kind"] == "monthly" and typed["date"] not in DATES:
        wrong["date"] = ["must be a day from 1 to 31, or the last"]
    if found is None or wrong:
        raise Invalid(wrong)
    at = f"{int(found[2])} {int(found[1])}"
    if typed["kind"] == "monthly":
        return f"{at} {typed['date']} * *"
    return f"{at} * * {'*' if len(days) == len(DAYS) else ','.join(days)}"


def typed_of(cron: str) -> dict[str, str]:
    """The same fields of what is stored; `kind` is `cron` where it is more than can be chosen."""
    found = _CRON.fullmatch(" ".join(cron.upper().split()))
    if found is not None:
        at, (date, weekdays) = f"{int(found[2]):02}:{int(found[1]):02}", found.group(3, 4)
        days = list(DAYS) if weekdays == "*" else [_day(name) for name in weekdays.split(",")]
        if date == "*" and all(days):
            return {"kind": "weekly", "at": at, "on": ",".join(day for day in DAYS if day in days)}
        if weekdays == "*" and date in DATES:
            return {"kind": "monthly", "at": at, "date": date}
    return {"kind": "cron", "cron": cron}


def often(cron: str) -> str | None:
    """`every day at 03:00`, `every Monday and Friday at 22:30`, `on the last day of each month at 03:00`; None where
    nothing shorter than the cron says it."""
    typed = typed_of(cron)
    if typed["kind"] == "weekly":
        days = typed["on"].split(",")
        which = "day" if len(days) == len(DAYS) else listed([DAYS[day] for day in days])
        return f"every {which} at {typed['at']}"
    if typed["kind"] == "monthly":
        which = "last day" if typed["date"] == LAST else f"{typed['date']}."
        return f"on the {which} of each month at {typed['at']}"
    return None


def _day(name: str) -> str:
    if name in DAYS:
        return name
    return _BY_NUMBER[int(name)] if name.isascii() and name.isdigit() and int(name) < len(_BY_NUMBER) else ""
