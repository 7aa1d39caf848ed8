"""`task_timeout_s` and `log_level` of a server's entry."""

from __future__ import annotations

from mcp_tui.config import mask
from mcp_tui.config.schema import ServerSpec
from tests.config.conftest import Machine


def server(machine: Machine, *lines: str) -> ServerSpec:
    machine.own("\n".join(['[servers.one]\ncommand = "x"', *lines]))
    return machine.load().servers[0]


def test_without_them_tasks_have_an_hour_and_nothing_is_asked_to_be_logged(machine: Machine) -> None:
    spec = server(machine)
    assert (spec.task_timeout_s, spec.log_level) == (3600.0, "")
    assert "log_level" not in mask.server(spec)


def test_they_are_read_and_shown(machine: Machine) -> None:
    spec = server(machine, "task_timeout_s = 30", 'log_level = "Warning"')
    assert (spec.task_timeout_s, spec.log_level) == (30.0, "warning")
    shown = mask.server(spec)
    assert (shown["task_timeout_s"], shown["log_level"]) == (30.0, "warning")
    assert machine.load().problems == ()


def test_an_unknown_level_is_a_problem_of_that_server_with_the_closest_one(machine: Machine) -> None:
    problem = server(machine, 'log_level = "warn"').problem
    assert problem is not None
    assert "`warn` is not known" in problem.detail
    assert "warning" in problem.hint
