"""The world of the demo server: one recorded day of Lighthouse, a small web shop.

At 13:58 a roll-out shrank the pool of payment connections from 40 to 4. From 14:02 on some customers cannot
pay. A restart of `checkout` loads the configuration that was good. Everything is recorded: the same in every
process, except what the tools of this process did (`Desk`).
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from functools import cache
from typing import Literal, get_args

Service = Literal["web", "catalog", "checkout", "payments", "email"]
Level = Literal["debug", "info", "warning", "error"]
Metric = Literal["error_rate", "latency_p95", "requests"]
Window = Literal["5m", "1h", "24h"]
Grouping = Literal["service", "region"]

SERVICES: tuple[Service, ...] = get_args(Service)
REGIONS = ("eu-north", "us-east")
UNITS: dict[Metric, str] = {"error_rate": "%", "latency_p95": "ms", "requests": "per minute"}
DAY = "2026-03-14"
_LEVELS: tuple[Level, ...] = get_args(Level)
_FIRST_ORDER = 1024
_INCIDENT_S = 14 * 3600 + 2 * 60
_END_S = 15 * 3600


@dataclass(frozen=True, slots=True)
class LogEntry:
    """`time` is the time of day, HH:MM:SS."""

    time: str
    level: Level
    service: Service
    message: str

    def line(self) -> str:
        return f"{self.time} {self.level.upper():<7} {self.service:<8} {self.message}"


@dataclass(frozen=True, slots=True)
class OrderRow:
    sku: str
    name: str
    quantity: int
    cents: int


@dataclass(frozen=True, slots=True)
class Order:
    id: str
    customer: str
    city: str
    country: str
    placed_at: str
    paid: bool
    failure: str | None
    rows: tuple[OrderRow, ...]

    @property
    def total_cents(self) -> int:
        return sum(row.quantity * row.cents for row in self.rows)


@dataclass(slots=True)
class Desk:
    """What the tools of this process changed: lost when it ends."""

    restarted: set[Service] = field(default_factory=set[Service])
    tickets: int = 0
    journal: list[str] = field(default_factory=list[str])

    def note(self, line: str) -> None:
        self.journal.append(line)


def _clock(second: int) -> str:
    return f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"


@cache
def _placements() -> dict[str, tuple[int, bool]]:
    """Order id -> (second of the day, paid)."""
    # Only random() is used: its sequence is the same in every Python version.
    rng = random.Random(3)
    result: dict[str, tuple[int, bool]] = {}
    second, number = 13 * 3600 + 30 * 60, _FIRST_ORDER
    while second < _END_S - 60:
        result[f"LH-{number}"] = (second, second < _INCIDENT_S or rng.random() < 0.55)
        second, number = second + 60 + int(rng.random() * 160), number + 1
    return result


@cache
def log() -> tuple[LogEntry, ...]:
    """The day's log, oldest first: about 200 lines from 08:00 to 15:00."""
    rng = random.Random(7)
    entries: list[tuple[int, Level, Service, str]] = [
        (8 * 3600, "info", "web", "day shift begins, all services healthy"),
        (9 * 3600 + 1204, "warning", "catalog", "image cache 91 % full, evicting"),
        (10 * 3600 + 733, "error", "email", "bounce for order confirmation: mailbox does not exist"),
        (13 * 3600 + 58 * 60 + 2, "info", "checkout", "deploy 4.7.2 rolled out, payments.pool_size 40 -> 4"),
        (13 * 3600 + 58 * 60 + 9, "info", "checkout", "ready in 6.8 s, health check passed"),
        (14 * 3600 + 51, "warning", "checkout", 'pool "payments" 4/4 in use, callers queue'),
        (14 * 3600 + 31 * 60 + 20, "warning", "web", "support chat: 3 customers say the payment page spins"),
    ]
    routine: tuple[tuple[Level, Service, str], ...] = (
        ("info", "web", "GET /"),
        ("info", "web", "GET /lamps"),
        ("debug", "catalog", "search answered"),
        ("info", "catalog", "product page rendered"),
        ("info", "payments", "authorised"),
        ("info", "email", "confirmation sent"),
        ("debug", "checkout", "basket saved"),
    )
    second = 8 * 3600
    while second < _END_S:
        level, service, message = routine[int(rng.random() * len(routine))]
        entries.append((second, level, service, f"{message} in {12 + int(rng.random() * 160)} ms"))
        second += 60 + int(rng.random() * 180)
    for order, (placed_s, paid) in _placements().items():
        if not paid:
            message = f'payment failed, no free connection in pool "payments" after 5.0 s, order={order}'
            entries.append((placed_s + 5, "error", "checkout", message))
    entries.sort(key=lambda entry: entry[0])
    return tuple(LogEntry(_clock(at), level, service, message) for at, level, service, message in entries)


def search(query: str, level: Level, since: str) -> list[LogEntry]:
    """Entries at least as severe as `level`, from `since` (HH:MM or HH:MM:SS, "" = all) on, newest first.

    Every word of `query` must stand in the line, in any case.
    """
    words = query.lower().split()
    severity = _LEVELS.index(level)
    return [
        entry
        for entry in reversed(log())
        if _LEVELS.index(entry.level) >= severity
        and entry.time >= since
        and all(word in entry.line().lower() for word in words)
    ]


@cache
def orders() -> dict[str, Order]:
    """Orders by id, in the order they were placed, from 13:30 on."""
    rng = random.Random(11)
    people = (
        ("Ada Holm", "Oslo", "NO"),
        ("Ben Okafor", "Leeds", "GB"),
        ("Chiara Neri", "Turin", "IT"),
        ("Dmitri Volk", "Tartu", "EE"),
        ("Elif Kaya", "Izmir", "TR"),
    )
    goods = (
        ("LMP-01", "Desk lamp, brass", 8900),
        ("LMP-07", "Reading lamp", 5400),
        ("BLB-12", "Bulb E27, warm", 690),
        ("LAN-03", "Storm lantern", 12900),
    )
    result: dict[str, Order] = {}
    for number, (key, (placed_s, paid)) in enumerate(_placements().items()):
        rows: list[OrderRow] = []
        first = int(rng.random() * len(goods))
        for step in range(1 + int(rng.random() * 3)):
            sku, product, cents = goods[(first + step) % len(goods)]
            rows.append(OrderRow(sku, product, 1 + int(rng.random() * 3), cents))
        name, city, country = people[number % len(people)]
        result[key] = Order(
            id=key,
            customer=name,
            city=city,
            country=country,
            placed_at=_clock(placed_s),
            paid=paid,
            failure=None if paid else "no free payment connection",
            rows=tuple(rows),
        )
    return result


_POINTS: dict[Window, tuple[int, int]] = {"5m": (5, 60), "1h": (12, 300), "24h": (24, 3600)}
"""Number of points and seconds between them; the last point is at 15:00."""
_BASE: dict[Metric, dict[Service, float]] = {
    "error_rate": {"web": 0.2, "catalog": 0.1, "checkout": 0.3, "payments": 0.2, "email": 0.4},
    "latency_p95": {"web": 180, "catalog": 140, "checkout": 310, "payments": 420, "email": 90},
    "requests": {"web": 640, "catalog": 410, "checkout": 58, "payments": 52, "email": 21},
}
_INCIDENT: dict[Metric, float] = {"error_rate": 11.8, "latency_p95": 5080, "requests": 71}


def series(metric: Metric, window: Window, service: Service, region: str | None, desk: Desk) -> list[float]:
    """Points oldest first. After a restart of checkout the last five minutes show the recovery."""
    count, step_s = _POINTS[window]
    base = _BASE[metric][service]
    points: list[float] = []
    for index in range(count):
        second = _END_S - (count - 1 - index) * step_s
        value = base
        if service == "checkout" and second >= _INCIDENT_S:
            reach = min(1.0, 0.05 + (second - _INCIDENT_S) / 1500)
            value = base + (_INCIDENT[metric] - base) * reach
            if service in desk.restarted and window == "5m":
                value = base + (_INCIDENT[metric] - base) * (0.3, 0.05, 0.01, 0.0, 0.0)[index]
        noise = random.Random(f"{metric} {service} {region} {second}").random() * 0.1 - 0.05
        if region is not None and metric == "requests":
            value *= 0.6 if region == REGIONS[0] else 0.4
        points.append(round(value * (1 + noise), 1))
    return points


CONFIG = {
    "shop": "Lighthouse",
    "recorded_day": DAY,
    "services": {
        "web": {"version": "9.1.0", "replicas": 4},
        "catalog": {"version": "3.3.1", "replicas": 2},
        "checkout": {"version": "4.7.2", "replicas": 2, "payments": {"pool_size": 4, "wait_s": 5.0}},
        "payments": {"version": "2.0.8", "replicas": 2},
        "email": {"version": "1.4.4", "replicas": 1},
    },
    "limits": {"error_rate_percent": 1.0, "latency_p95_ms": 800},
}

RUNBOOK = """# Lighthouse runbook

## Customers cannot pay
1. `search_logs` with level `error`: which service, which message, since when?
2. `query_metrics` with `error_rate`, grouped by `service`: one service or all of them?
3. Errors name the pool `payments`: a roll-out changed `payments.pool_size`. The good value is **40**.
4. `restart_service` with `checkout` loads the last good configuration. Baskets are kept; payments in
   flight are tried again.
5. `query_metrics` over `5m`: the error rate must fall below 1 %.

## Afterwards
- `create_ticket` with the orders that failed, so that customers hear from us.
- No restart of `payments` during the day: it drops authorisations in flight.

| service  | owner | restart in the day |
|----------|-------|--------------------|
| web      | Mira  | yes                |
| catalog  | Jonas | yes                |
| checkout | Priya | yes                |
| payments | Tomás | no                 |
| email    | Mira  | yes                |
"""
