"""Rows for the environment `booking`, made by a seed: each goal can be reached, and some need a way around a full day
or table."""

import random
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

Booking = dict[str, Any]
"""`{"id": "B1", "date": "2026-03-01", "table": "T2", "guests": 4, "name": "Ada"}`"""
_NAMES = ("Ada", "Ben", "Chen", "Dora", "Emil", "Fatima", "Goran", "Hana", "Ivo", "Jun", "Kofi", "Lena")
_FIRST_DAY = date(2026, 3, 2)
_RULE = "Use the smallest free table that is large enough; where two are as small, the one whose name comes first."


def booking_rows(num_rows: int, seed: int = 0) -> list[dict[str, Any]]:
    """Rows with a prompt, the desk as it is (`extra`) and as it should be (`reference`). The same for the same seed."""
    draw = random.Random(f"booking {seed}")
    kinds = (_book, _full_day, _move, _cancel)
    return [kinds[number % len(kinds)](draw, f"booking-{seed}-{number}") for number in range(num_rows)]


class _Desk:
    """Tables, and bookings that keep to them."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self.tables = {f"T{number}": draw.choice((2, 2, 4, 4, 6, 8)) for number in range(1, draw.randint(4, 6))}
        self.names = draw.sample(_NAMES, len(_NAMES))
        self.bookings: list[Booking] = []
        self.days = [(_FIRST_DAY + timedelta(days=day)).isoformat() for day in range(draw.randrange(300), 310)][:3]
        for _ in range(draw.randint(2, 4)):
            day = draw.choice(self.days[:2])
            if free := self.free(day, 1):
                self.add(draw.choice(free), day, draw.randint(1, 2))

    def free(self, day: str, guests: int) -> list[str]:
        """Free tables that are large enough, the smallest first."""
        taken = {booking["table"] for booking in self.bookings if booking["date"] == day}
        fit = [(seats, name) for name, seats in self.tables.items() if seats >= guests and name not in taken]
        return [name for _, name in sorted(fit)]

    def add(self, table: str, day: str, guests: int) -> Booking:
        booking = {"date": day, "table": table, "guests": guests, "name": self.names.pop()}
        self.bookings.append(booking)
        return booking


def _row(name: str, prompt: str, desk: _Desk, before: list[Booking], after: list[Booking]) -> dict[str, Any]:
    return {
        "id": name,
        "task": "booking",
        "prompt": prompt,
        "extra": {"tables": desk.tables, "bookings": before},
        "reference": {"bookings": after},
    }


def _book(draw: random.Random, name: str) -> dict[str, Any]:
    desk = _Desk(draw)
    day, guests, who = desk.days[2], draw.randint(1, max(desk.tables.values())), desk.names.pop()
    new = {"date": day, "table": desk.free(day, guests)[0], "guests": guests, "name": who}
    prompt = f"Book a table for {who}, {_people(guests)}, on {day}. {_RULE}"
    return _row(name, prompt, desk, desk.bookings, [*desk.bookings, new])


def _full_day(draw: random.Random, name: str) -> dict[str, Any]:
    """Mostly every table that is large enough is taken on the day that is asked for; another day is the way around."""
    desk = _Desk(draw)
    day, later = desk.days[1], desk.days[2]
    guests = draw.randint(1, max(desk.tables.values()))
    if draw.random() < 0.7:  # not always, so that looking is needed
        for table in desk.free(day, guests):
            desk.add(table, day, draw.randint(1, desk.tables[table]))
    who = desk.names.pop()
    where = day if desk.free(day, guests) else later
    new = {"date": where, "table": desk.free(where, guests)[0], "guests": guests, "name": who}
    prompt = f"Book a table for {who}, {_people(guests)}, on {day}; if that day is full, on {later}. {_RULE}"
    return _row(name, prompt, desk, desk.bookings, [*desk.bookings, new])


def _move(draw: random.Random, name: str) -> dict[str, Any]:
    return _changed(
        draw,
        name,
        lambda old, desk: {**old, "date": desk.days[2], "table": desk.free(desk.days[2], old["guests"])[0]},
        lambda old, new: f"Move the booking of {old['name']} to {new['date']}. {_RULE}",
    )


def _cancel(draw: random.Random, name: str) -> dict[str, Any]:
    return _changed(draw, name, lambda old, desk: None, lambda old, new: f"Cancel the booking of {old['name']}.")


def _changed(
    draw: random.Random,
    name: str,
    change: Callable[[Mapping[str, Any], _Desk], Booking | None],
    ask: Callable[[Mapping[str, Any], Any], str],
) -> dict[str, Any]:
    desk = _Desk(draw)
    old = draw.choice(desk.bookings)
    new = change(old, desk)
    after = [new if booking is old else booking for booking in desk.bookings]
    return _row(name, ask(old, new), desk, desk.bookings, [booking for booking in after if booking is not None])


def _people(guests: int) -> str:
    return "one guest" if guests == 1 else f"{guests} guests"
