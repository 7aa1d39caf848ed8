"""Between the prompt editor and the engine: reading what a prompt names, rendering MCP prompts. Waits end."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from mcp_tui.core.errors import AppError, ErrorInfo, ErrorKind
from mcp_tui.core.json_values import is_list, is_object, objects
from mcp_tui.core.state import PromptInfo
from mcp_tui.core.text import clean, clean_line
from mcp_tui.core.types import JsonObject
from mcp_tui.ui.compare.mentions import Mention

if TYPE_CHECKING:
    from mcp_tui.runs.spec import Attachment
    from mcp_tui.sessions.manager import SessionManager

READ_TIMEOUT_S = 30.0


async def files(words: Sequence[str]) -> tuple[Attachment, ...]:
    """The files that `@` words name. AppError for one that is meant and cannot be attached."""
    if not words:
        return ()
    from mcp_tui.runs.files import read_files
    from mcp_tui.ui.compare.file_mentions import existing_files

    async with asyncio.timeout(READ_TIMEOUT_S):
        return await asyncio.to_thread(lambda: read_files(existing_files(words)))


async def attachments(manager: SessionManager, found: Sequence[Mention]) -> tuple[Attachment, ...]:
    """Read all of them at once. AppError names the one that failed first; nothing is half delivered."""
    from mcp_tui.runs.spec import Attachment

    read: dict[int, Attachment] = {}

    async def one(index: int, mention: Mention) -> None:
        try:
            result = await manager.read_resource(mention.server, mention.uri, timeout_s=READ_TIMEOUT_S, cached=True)
        except AppError as error:
            raise AppError.of(_about(f"@{mention.text} not read", error.info)) from error
        read[index] = Attachment(mention.server, mention.uri, result)

    failed: AppError | None = None
    try:
        async with asyncio.TaskGroup() as group:
            for index, mention in enumerate(found):
                group.create_task(one(index, mention))
    except* AppError as errors:
        failed = cast("AppError", _first(errors))
    if failed is not None:
        raise failed
    return tuple(read[index] for index in range(len(found)))


def _first(errors: BaseExceptionGroup[Any]) -> BaseException:
    first = errors.exceptions[0]
    return _first(cast("BaseExceptionGroup[Any]", first)) if isinstance(first, BaseExceptionGroup) else first


def _about(title: str, info: ErrorInfo) -> ErrorInfo:
    detail = f"{info.title}: {info.detail}" if info.detail else info.title
    return ErrorInfo(clean_line(title), detail, info.hint, info.kind, info.code)


async def rendered(manager: SessionManager, prompt: PromptInfo, arguments: Mapping[str, str]) -> str:
    """The prompt as text for the editor. AppError when the server refuses or gives no text."""
    name = f"/{prompt.server}:{prompt.name}"
    try:
        result = await manager.get_prompt(prompt.server, prompt.name, arguments, timeout_s=READ_TIMEOUT_S)
    except AppError as error:
        raise AppError.of(_about(f"{name} failed", error.info)) from error
    text = prompt_text(result)
    if not text.strip():
        detail = "the server's answer holds no text"
        raise AppError(
            clean_line(f"{name} is empty"), detail, "open it in the Workbench to see it all", kind=ErrorKind.TOOL
        )
    return text


def prompt_text(result: JsonObject) -> str:
    """The texts of a prompts/get result; what the assistant is made to say is marked, what is no text is named."""
    parts: list[str] = []
    for message in objects(result.get("messages")):
        content: object = message.get("content")
        blocks = objects(content if is_list(content) else [content])
        text = "\n".join(part for part in map(_block_text, blocks) if part)
        if text:
            parts.append(f"Assistant: {text}" if message.get("role") == "assistant" else text)
    return clean("\n\n".join(parts))


def _block_text(block: JsonObject) -> str:
    text: object = block.get("text")
    if isinstance(text, str):
        return text
    resource: object = block.get("resource")
    if is_object(resource):
        embedded: object = resource.get("text")
        return embedded if isinstance(embedded, str) else f"[resource {resource.get('uri', '')}]"
    if block.get("type") == "resource_link":
        return f"[resource {block.get('uri', '')}]"
    return f"[{block.get('type', 'content')}]"
