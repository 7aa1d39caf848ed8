"""Every way a command can fail, as an error with words and an exit code."""

from __future__ import annotations

import os
import traceback
from typing import cast

import click

from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind


class AppUsageError(click.UsageError):
    """A usage error with the three parts of the program's errors."""

    def __init__(self, title: str, detail: str, hint: str) -> None:
        super().__init__(detail)
        self.title = title
        self.hint = hint


def describe(error: BaseException) -> ErrorInfo:
    """The error as data; of a group, the first failure that has words of its own, else the first."""
    error = _leaf(error)
    if isinstance(error, AppError):
        return error.info
    if isinstance(error, AppUsageError):
        return ErrorInfo(error.title, error.message, error.hint, ErrorKind.USAGE, "usage")
    if isinstance(error, click.ClickException):
        command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "mcp-tui"
        return ErrorInfo("Usage", error.format_message(), f"see {command} --help", ErrorKind.USAGE, "usage")
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return ErrorInfo("Cancelled", kind=ErrorKind.CANCELLED, code="cancelled")
    if os.environ.get("MCP_TUI_DEBUG"):
        traceback.print_exception(error)
    detail = f"{type(error).__name__}: {error}"
    hint = "this is a bug; MCP_TUI_DEBUG=1 shows where"
    return ErrorInfo("Unexpected fault", detail, hint, ErrorKind.INTERNAL, "bug")


def is_broken_pipe(error: BaseException) -> bool:
    return isinstance(_leaf(error), BrokenPipeError)


def _leaf(error: BaseException) -> BaseException:
    leaves = _leaves(error)
    known = (AppError, click.ClickException, BrokenPipeError)
    return next((leaf for leaf in leaves if isinstance(leaf, known)), leaves[0])


def _leaves(error: BaseException) -> list[BaseException]:
    if not isinstance(error, BaseExceptionGroup):
        return [error]
    inner = cast("BaseExceptionGroup[BaseException]", error).exceptions
    return [leaf for exception in inner for leaf in _leaves(exception)]
