"""Holidays and shopping festivals: the calendar feed's rows, the demand they cause, the supplier closures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

SPRING_FESTIVALS = {
    day.year: day
    for day in map(
        date.fromisoformat,
        [
            "2020-01-25",
            "2021-02-12",
            "2022-02-01",
            "2023-01-22",
            "2024-02-10",
            "2025-01-29",
            "2026-02-17",
            "2027-02-06",
            "2028-01-26",
            "2029-02-13",
            "2030-02-03",
            "2031-01-23",
        ],
    )
}
MAKE_UP_WORKDAYS = ("2025-01-26", "2025-02-08", "2026-02-14", "2026-02-28")
CLOSED_BEFORE_DAYS, CLOSED_AFTER_DAYS = 5, 12  # Chinese factories around the Spring Festival


@dataclass(frozen=True)
class CalendarDay:
    """One row of the calendar feed."""

    event: str
    day: date
    country: str
    name: str
    kind: str
    announced_at: datetime


def easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar (the anonymous algorithm)."""
    a, b, c = year % 19, year // 100, year % 100
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    r = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * r) // 451
    month, day = divmod(h + r - 7 * m + 114, 31)
    return date(year, month, day + 1)


def thanksgiving(year: int) -> date:
    """The fourth Thursday of November."""
    first = date(year, 11, 1)
    return first + timedelta(days=(3 - first.weekday()) % 7 + 21)


def black_friday(year: int) -> date:
    """The day after Thanksgiving."""
    return thanksgiving(year) + timedelta(days=1)


def public_holidays(year: int) -> dict[str, dict[date, str]]:
    """Public holidays that matter to the shop, by country."""
    sunday = easter(year)
    friday, monday = sunday - timedelta(days=2), sunday + timedelta(days=1)
    new_year, christmas, boxing = date(year, 1, 1), date(year, 12, 25), date(year, 12, 26)
    shared = {new_year: "New Year's Day", monday: "Easter Monday", christmas: "Christmas Day"}
    return {
        "DE": {
            **shared,
            friday: "Good Friday",
            date(year, 5, 1): "Labour Day",
            boxing: "Second Christmas Day",
            sunday + timedelta(days=39): "Ascension Day",
            sunday + timedelta(days=50): "Whit Monday",
            date(year, 10, 3): "German Unity Day",
        },
        "FR": {**shared, date(year, 5, 1): "Labour Day", date(year, 7, 14): "Bastille Day"},
        "GB": {**shared, friday: "Good Friday", boxing: "Boxing Day"},
        "US": {
            new_year: "New Year's Day",
            date(year, 7, 4): "Independence Day",
            thanksgiving(year): "Thanksgiving",
            christmas: "Christmas Day",
        },
    }


def shopping_festivals(year: int) -> list[tuple[str, str, date, int]]:
    """Code, name, first day and number of days of each shopping festival of a year."""
    return [
        ("618", "618 Mid-Year Festival", date(year, 6, 16), 3),
        ("1111", "Singles' Day 11.11", date(year, 11, 9), 3),
        ("BF", "Black Friday", black_friday(year), 4),
        ("XMAS", "Christmas shopping", date(year, 12, 6), 15),
    ]


def supplier_closure(year: int) -> tuple[date, date] | None:
    """First and last day on which Chinese suppliers neither make nor ship, where the year is known."""
    if year not in SPRING_FESTIVALS:
        return None
    peak = SPRING_FESTIVALS[year]
    return peak - timedelta(days=CLOSED_BEFORE_DAYS), peak + timedelta(days=CLOSED_AFTER_DAYS)


def calendar_of(year: int) -> list[CalendarDay]:
    """All days of a year's calendar, as announced on 1 October of the year before."""
    announced = datetime(year - 1, 10, 1, 9)
    rows = [
        CalendarDay(f"{country}-{day:%m%d}-{year}", day, country, name, "public_holiday", announced)
        for country, days in public_holidays(year).items()
        for day, name in sorted(days.items())
    ]
    for code, name, first, n in shopping_festivals(year):
        for offset in range(n):
            for country in ("DE", "FR", "GB", "US"):
                day = first + timedelta(days=offset)
                rows.append(CalendarDay(f"{code}-{year}", day, country, name, "shopping_festival", announced))
    if closure := supplier_closure(year):
        first, last = closure
        for offset in range((last - first).days + 1):
            day, kind = first + timedelta(days=offset), "closure"
            rows.append(CalendarDay(f"CNY-{year}", day, "CN", "Spring Festival", kind, announced))
        peak = SPRING_FESTIVALS[year]
        rows.append(
            CalendarDay(f"CNY-DAY-{year}", peak, "CN", "Spring Festival", "public_holiday", announced)
        )
    for text in MAKE_UP_WORKDAYS:
        day = date.fromisoformat(text)
        if day.year == year:
            name = "Make-up workday of the Spring Festival"
            rows.append(CalendarDay(f"MAKEUP-{text}", day, "CN", name, "make_up_workday", announced))
    return rows


def festival_factor(day: date) -> float:
    """How much more is bought on a day because of holidays and festivals, all categories."""
    factor = 1.0
    friday = black_friday(day.year)
    if 0 <= (day - friday).days <= 3:
        factor *= (2.1, 1.7, 1.6, 1.8)[(day - friday).days]
    elif -7 <= (day - friday).days < 0:
        factor *= 0.92  # shoppers wait
    if day.month == 11 and 9 <= day.day <= 11:
        factor *= (1.15, 1.25, 1.5)[day.day - 9]
    if day.month == 6 and 16 <= day.day <= 18:
        factor *= (1.15, 1.2, 1.35)[day.day - 16]
    if day.month == 12:
        factor *= 1 + 0.022 * min(day.day, 20) if day.day <= 21 else (0.85 if day.day == 22 else 0.6)
    if day.month == 1 and day.day <= 3:
        factor *= 0.8
    if day in public_holidays(day.year)["DE"] and day.month not in (1, 12):
        factor *= 0.8
    return factor


def spring_festival_factor(day: date) -> float:
    """Extra demand for tea and snacks in the ten days before the Spring Festival."""
    for year in (day.year, day.year + 1):
        if year in SPRING_FESTIVALS and 1 <= (SPRING_FESTIVALS[year] - day).days <= 10:
            return 1.5
    return 1.0


def is_dispatch_day(day: date, location: int) -> bool:
    """Whether a stock location sends parcels: not on Sundays nor on its public holidays."""
    country = ("DE", "GB")[location]
    return day.weekday() != 6 and day not in public_holidays(day.year)[country]
