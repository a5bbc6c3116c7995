"""The environment `booking`: the desk of a restaurant, whose bookings at the end are compared with those that the row
wants. Rows for it are made by `booking_rows.py`."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from openqwq.training.environments.booking_rows import Booking, booking_rows
from openqwq.training.environments.rows import given_part, row_fault

_ASKED = ("date", "guests", "name")


class BookingTools:
    """Tables are `extra.tables` of the row, their seats by name; `extra.bookings` are those that are there at first.

    A table holds one party a day. Reward: 1 where the bookings are those of `reference.bookings` at the end, else 0;
    their numbers do not count, and one that names no table may have any. A row without them has no reward here.
    """

    def __init__(self) -> None:
        self._tables: dict[str, int] = {}
        self._bookings: dict[str, Booking] = {}
        self._next = 1
        self._wanted: Sequence[Booking] | None = None

    def reset(self, task: Mapping[str, Any]) -> None:
        """Begin with the row's tables and bookings."""
        self._tables = _tables(task)
        self._bookings = {f"B{number}": found for number, found in enumerate(_bookings(task, "extra") or (), 1)}
        for number, booking in self._bookings.items():
            try:
                self._check(booking["table"], booking["date"], booking["guests"], but=number)
            except (LookupError, ValueError) as error:
                raise row_fault(task, f"extra.bookings cannot stand together: {error}") from error
        self._next = len(self._bookings) + 1
        self._wanted = _bookings(task, "reference")

    def find_tables(self, day: str, guests: int) -> list[dict[str, Any]]:
        """The free tables of a day that are large enough, the smallest first.

        Args:
            day: as 2026-03-01
            guests: how many people
        """
        taken = {booking["table"] for booking in self._bookings.values() if booking["date"] == _day(day)}
        free = [(seats, name) for name, seats in self._tables.items() if seats >= guests and name not in taken]
        return [{"table": name, "seats": seats} for seats, name in sorted(free)]

    def find_bookings(self, name: str | None = None, day: str | None = None) -> list[Booking]:
        """The bookings of a person, of a day, or all.

        Args:
            name: whose
            day: as 2026-03-01
        """
        wanted_day = None if day is None else _day(day)
        return [
            {"booking": number, **booking}
            for number, booking in self._bookings.items()
            if (name is None or booking["name"].casefold() == name.strip().casefold())
            and wanted_day in (None, booking["date"])
        ]

    def book(self, table: str, day: str, guests: int, name: str) -> str:
        """Book a table.

        Args:
            table: the table's name
            day: as 2026-03-01
            guests: how many people
            name: of the person who books
        """
        if not name.strip():
            raise ValueError("name is empty")
        self._check(table, _day(day), guests)
        number = f"B{self._next}"
        self._next += 1
        self._bookings[number] = {"date": _day(day), "table": table, "guests": guests, "name": name.strip()}
        return f"booked as {number}"

    def change(self, booking: str, table: str | None = None, day: str | None = None, guests: int | None = None) -> str:
        """Change the table, the day or the number of guests of a booking; what is not given stays.

        Args:
            booking: its number, as B1
        """
        old = self._found(booking)
        new = {
            **old,
            "table": table or old["table"],
            "date": _day(day) if day else old["date"],
            "guests": old["guests"] if guests is None else guests,
        }
        self._check(new["table"], new["date"], new["guests"], but=booking)
        self._bookings[booking] = new
        return f"changed {booking}"

    def cancel(self, booking: str) -> str:
        """Cancel a booking.

        Args:
            booking: its number, as B1
        """
        self._found(booking)
        del self._bookings[booking]
        return f"cancelled {booking}"

    def reward(self) -> float | None:
        """Whether the bookings are those that the row wants."""
        return None if self._wanted is None else float(is_as_wanted(list(self._bookings.values()), self._wanted))

    def save(self) -> dict[str, Any]:
        """The bookings and the next number; the tables come from the row."""
        return {"bookings": self._bookings, "next": self._next}

    def restore(self, task: Mapping[str, Any], state: Mapping[str, Any]) -> None:
        """Go on with these bookings."""
        self.reset(task)
        self._bookings = {number: dict(booking) for number, booking in state["bookings"].items()}
        self._next = state["next"]

    @staticmethod
    def example(seed: int) -> dict[str, Any]:
        """A row to try it with."""
        return booking_rows(1, seed)[0]

    def _found(self, booking: str) -> Booking:
        if booking not in self._bookings:
            raise LookupError(f"there is no booking {booking}")
        return self._bookings[booking]

    def _check(self, table: str, day: str, guests: int, but: str = "") -> None:
        if table not in self._tables:
            raise LookupError(f"there is no table {table}; there are {', '.join(self._tables)}")
        if not 1 <= guests <= self._tables[table]:
            raise ValueError(f"table {table} has {self._tables[table]} seats, {guests} guests were asked for")
        for number, other in self._bookings.items():
            if number != but and (other["table"], other["date"]) == (table, day):
                raise ValueError(f"table {table} is taken on {day}")


def is_as_wanted(bookings: Sequence[Booking], wanted: Sequence[Booking]) -> bool:
    """Whether there is one booking for each wanted one and none beside; a wanted one without a table takes any.

    Those with a table are matched first: what they leave is alike for the others.
    """
    left = list(bookings)
    for one in sorted(wanted, key=lambda one: one.get("table") is None):
        keys = _ASKED if one.get("table") is None else (*_ASKED, "table")
        match = next((found for found in left if all(found[key] == one[key] for key in keys)), None)
        if match is None:
            return False
        left.remove(match)
    return not left


def _day(text: str) -> str:
    """A day in one spelling.

    Raises:
        ValueError: there is no such day.
    """
    try:
        return date.fromisoformat(text.strip()).isoformat()
    except ValueError as error:
        raise ValueError(f"{text!r:.40} is no day; write it as 2026-03-01") from error


def _tables(task: Mapping[str, Any]) -> dict[str, int]:
    tables: dict[str, Any] = given_part(task, "extra", "tables", dict, {})
    for name, seats in tables.items():
        if isinstance(seats, bool) or not isinstance(seats, int) or seats < 1:
            raise row_fault(task, f"extra.tables[{name!r}] is {seats!r:.40}; needed: its number of seats")
    if not tables:
        raise row_fault(task, "extra.tables is missing; needed: the seats of each table by its name")
    return tables


def _bookings(task: Mapping[str, Any], column: str) -> list[Booking] | None:
    holder = task.get(column)
    if not isinstance(holder, Mapping) or holder.get("bookings") is None:
        return None
    found = []
    for number, given in enumerate(given_part(task, column, "bookings", list, [])):
        kinds = {"date": str, "guests": int, "name": str} | ({"table": str} if column == "extra" else {})
        if not isinstance(given, Mapping) or not all(isinstance(given.get(key), kind) for key, kind in kinds.items()):
            needed = ", ".join(kinds)
            raise row_fault(task, f"{column}.bookings[{number}] is {given!r:.80}; needed: an object with {needed}")
        try:
            found.append({**{key: given.get(key) for key in (*_ASKED, "table")}, "date": _day(given["date"])})
        except ValueError as error:
            raise row_fault(task, f"{column}.bookings[{number}]: {error}") from error
    return found
