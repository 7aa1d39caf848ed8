"""The tools of the demo server: one method each, its schema is its signature."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import anyio
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ResourceNotFoundError, ToolError
from mcp.server.mcpserver.utilities.types import Image
from mcp_types import CallToolResult, LoggingLevel, ResourceLink, TextContent
from pydantic import BaseModel, Field

from mcp_tui.servers import lighthouse
from mcp_tui.servers.chart import ChartKind, chart
from mcp_tui.servers.lighthouse import DAY, Desk, Grouping, Level, Metric, Service, Window
from mcp_tui.servers.log_messages import log
from mcp_tui.servers.results import answer

Number = Annotated[float, Field(allow_inf_nan=False)]


class Sum(BaseModel):
    sum: float


class LogLine(BaseModel):
    time: str
    level: Level
    service: Service
    message: str


class LogMatches(BaseModel):
    matched: int
    shown: int
    entries: list[LogLine]


class Series(BaseModel):
    group: dict[str, str]
    points: list[float]
    latest: float
    peak: float


class MetricResult(BaseModel):
    metric: Metric
    unit: str
    window: Window
    until: str
    series: list[Series]


class Address(BaseModel):
    city: str
    country: str


class Customer(BaseModel):
    name: str
    address: Address


class OrderLine(BaseModel):
    sku: str
    name: str
    quantity: int
    unit_price: float


class Payment(BaseModel):
    status: Literal["paid", "failed"]
    reason: str | None


class OrderDetails(BaseModel):
    id: str
    placed_at: str
    customer: Customer
    payment: Payment
    lines: list[OrderLine]
    total: float
    currency: Literal["EUR"]


class Impact(BaseModel):
    customers: Annotated[int, Field(ge=0, description="How many are affected.")] = 0
    revenue_at_risk: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


class TicketDetails(BaseModel):
    service: Service
    since: Annotated[str, Field(pattern=r"^\d\d:\d\d$", description="Time of day, HH:MM.")] | None = None
    orders: Annotated[list[str], Field(max_length=50)] = []
    impact: Impact = Impact()


class Ticket(BaseModel):
    id: str
    title: str
    priority: Literal["low", "normal", "high", "urgent"]
    labels: list[str]
    assignee: str | None
    status: Literal["open"]
    details: TicketDetails | None


class Restart(BaseModel):
    service: Service
    status: Literal["running"]
    took_s: float
    requests_dropped: int
    note: str


def find_order(order_id: str) -> OrderDetails:
    """ResourceNotFoundError for an id that does not exist."""
    order = lighthouse.orders().get(order_id.strip().upper())
    if order is None:
        known = list(lighthouse.orders())
        raise ResourceNotFoundError(f"no order {order_id!r}; orders run from {known[0]} to {known[-1]}")
    return OrderDetails(
        id=order.id,
        placed_at=f"{DAY}T{order.placed_at}",
        customer=Customer(name=order.customer, address=Address(city=order.city, country=order.country)),
        payment=Payment(status="paid" if order.paid else "failed", reason=order.failure),
        lines=[
            OrderLine(sku=row.sku, name=row.name, quantity=row.quantity, unit_price=row.cents / 100)
            for row in order.rows
        ],
        total=order.total_cents / 100,
        currency="EUR",
    )


def _tidy(value: float) -> float | int:
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


class DeskTools:
    def __init__(self, desk: Desk, activity_uri: str) -> None:
        self._desk = desk
        self._activity_uri = activity_uri

    async def _log(self, ctx: Context[Any, Any], level: LoggingLevel, text: str) -> None:
        await log(ctx, level, text, logger="lighthouse")

    async def _record(self, ctx: Context[Any, Any], line: str) -> None:
        self._desk.note(line)
        await ctx.notify_resource_updated(self._activity_uri)

    async def current_time(
        self,
        timezone: Annotated[str | None, Field(description='IANA name such as "Europe/Oslo"; default UTC.')] = None,
    ) -> str:
        """The real date and time, now."""
        try:
            zone = ZoneInfo(timezone or "UTC")
        except (ZoneInfoNotFoundError, ValueError, OSError):
            # OSError: the name of a directory of the time zone database.
            raise ToolError(f'unknown time zone {timezone!r}; use an IANA name such as "Europe/Oslo"') from None
        return datetime.now(zone).strftime("%A %Y-%m-%d %H:%M:%S %Z (UTC%z)")

    async def add(self, a: Number, b: Number) -> Annotated[CallToolResult, Sum]:
        """Add two numbers."""
        total = a + b
        if math.isinf(total):
            raise ToolError("the sum is too large for a number")
        result = _tidy(total)
        return CallToolResult(content=[TextContent(type="text", text=str(result))], structured_content={"sum": result})

    async def search_logs(
        self,
        query: Annotated[str, Field(description="Words that must all stand in the line; empty = any.")] = "",
        level: Annotated[Level, Field(description="Lowest severity.")] = "info",
        limit: Annotated[int, Field(ge=1, le=100)] = 20,
        since: Annotated[str | None, Field(pattern=r"^\d\d:\d\d(:\d\d)?$", description="Time of day.")] = None,
    ) -> Annotated[CallToolResult, LogMatches]:
        """Search the shop's log of the day, newest lines first."""
        found = lighthouse.search(query, level, since or "")
        shown = found[:limit]
        matches = LogMatches(
            matched=len(found),
            shown=len(shown),
            entries=[
                LogLine(time=entry.time, level=entry.level, service=entry.service, message=entry.message)
                for entry in shown
            ],
        )
        head = f"{len(found)} lines match, {len(shown)} shown, newest first"
        text = "\n".join([head, *(entry.line() for entry in shown)])
        return CallToolResult(
            content=[TextContent(type="text", text=text)], structured_content=matches.model_dump(mode="json")
        )

    async def query_metrics(
        self,
        metric: Metric,
        window: Annotated[Window, Field(description="Ends at 15:00.")] = "1h",
        group_by: Annotated[list[Grouping], Field(description="Default: by service.")] = ["service"],  # noqa: B006
    ) -> Annotated[CallToolResult, MetricResult]:
        """Measurements over a window: points from oldest to latest, one series per group."""
        regions: Sequence[str | None] = lighthouse.REGIONS if "region" in group_by else (None,)
        groups: list[Series] = []
        rows = {
            (service, region): lighthouse.series(metric, window, service, region, self._desk)
            for service in lighthouse.SERVICES
            for region in regions
        }
        if "service" in group_by:
            for (service, region), points in rows.items():
                group = {"service": service} | ({"region": region} if region else {})
                groups.append(Series(group=group, points=points, latest=points[-1], peak=max(points)))
        else:
            for region in regions:
                columns = zip(*(points for key, points in rows.items() if key[1] == region), strict=True)
                # Requests add up; rates and latencies are averaged over the services.
                points = [round(sum(column) / (1 if metric == "requests" else len(column)), 1) for column in columns]
                group = {"region": region} if region else {}
                groups.append(Series(group=group, points=points, latest=points[-1], peak=max(points)))
        unit = lighthouse.UNITS[metric]
        return answer(MetricResult(metric=metric, unit=unit, window=window, until=f"{DAY}T15:00", series=groups))

    async def get_order(
        self, order_id: Annotated[str, Field(description='Such as "LH-1043".')]
    ) -> Annotated[CallToolResult, OrderDetails]:
        """One order with its customer, payment and lines."""
        try:
            order = find_order(order_id)
        except ResourceNotFoundError as error:
            raise ToolError(str(error)) from None
        link = ResourceLink(
            type="resource_link",
            uri=f"lighthouse://orders/{order.id}",
            name=order.id,
            mime_type="application/json",
        )
        return answer(order, link)

    async def draw_chart(
        self,
        values: Annotated[list[Number], Field(min_length=1, max_length=120)],
        title: str = "",
        kind: ChartKind = "bar",
    ) -> list[str | Image]:
        """Draw numbers as a PNG picture."""
        picture = await anyio.to_thread.run_sync(chart, values, kind)
        shape = f"{kind} chart of {len(values)} values, from {_tidy(min(values))} to {_tidy(max(values))}"
        return [f"{title}: {shape}" if title else shape, Image(data=picture, format="png")]

    async def slow_report(
        self,
        ctx: Context[Any, Any],
        seconds: Annotated[float, Field(ge=0, le=120, allow_inf_nan=False)] = 5,
        steps: Annotated[int, Field(ge=1, le=100)] = 5,
    ) -> str:
        """Write a report slowly: progress and log messages come on the way. Can be cancelled."""
        started = anyio.current_time()
        await self._log(ctx, "info", f"report started, {steps} steps")
        done = 0
        try:
            for done in range(1, steps + 1):
                await anyio.sleep_until(started + seconds * done / steps)
                service = lighthouse.SERVICES[(done - 1) % len(lighthouse.SERVICES)]
                await ctx.report_progress(done, steps, f"read {service}")
                await self._log(ctx, "debug", f"step {done} of {steps}: {service}")
        except anyio.get_cancelled_exc_class():
            self._desk.note(f"report cancelled after {done} of {steps} steps")
            raise
        await self._log(ctx, "info", "report done")
        errors = len(lighthouse.search("", "error", ""))
        warned = len(lighthouse.search("", "warning", "")) - errors
        return (
            f"Report of {DAY}: {len(lighthouse.log())} log lines, {errors} errors, {warned} warnings, "
            f"{sum(1 for order in lighthouse.orders().values() if not order.paid)} unpaid orders."
        )

    async def create_ticket(
        self,
        ctx: Context[Any, Any],
        title: Annotated[str, Field(min_length=3, max_length=120)],
        body: Annotated[str, Field(description="Markdown.")],
        priority: Literal["low", "normal", "high", "urgent"] = "normal",
        labels: Annotated[list[Annotated[str, Field(max_length=30)]], Field(max_length=10)] = [],  # noqa: B006
        assignee: Annotated[str | None, Field(description="E-mail address, or null for nobody.")] = None,
        details: TicketDetails | None = None,
    ) -> Annotated[CallToolResult, Ticket]:
        """Open a ticket for the team. It lives until this server ends."""
        self._desk.tickets += 1
        ticket = Ticket(
            id=f"OPS-{self._desk.tickets}",
            title=title,
            priority=priority,
            labels=labels,
            assignee=assignee,
            status="open",
            details=details,
        )
        await self._record(ctx, f"ticket {ticket.id} ({priority}): {title}; {len(body)} characters")
        return answer(ticket)

    async def restart_service(
        self,
        ctx: Context[Any, Any],
        service: Service,
        reason: Annotated[str, Field(min_length=3, description="Stands in the activity log.")],
        force: Annotated[bool, Field(description="Do not wait for requests in flight.")] = False,
    ) -> Annotated[CallToolResult, Restart]:
        """Restart a service with its last good configuration. Customers may notice."""
        phases = ("stopping", "starting", "checking health")
        for step, phase in enumerate(phases, start=1):
            await ctx.report_progress(step, len(phases), phase)
            await anyio.sleep(0.25)
        self._desk.restarted.add(service)
        await self._record(ctx, f"{service} restarted{' by force' if force else ''}: {reason}")
        loaded = "last good configuration loaded, payments.pool_size 40"
        return answer(
            Restart(
                service=service,
                status="running",
                took_s=0.8,
                requests_dropped=7 if force else 0,
                note=loaded if service == "checkout" else "configuration unchanged",
            )
        )

    async def fail(self, message: str = "this tool always fails") -> CallToolResult:
        """Answer with an error, to see how errors look."""
        print(f"fail: {message!r}", file=sys.stderr)
        return CallToolResult(content=[TextContent(type="text", text=message)], is_error=True)
