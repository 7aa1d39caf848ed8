"""All that needs the MCP SDK, behind one class: imported by a worker thread after the first frame."""

from __future__ import annotations

from mcp_tui.config.authorisation import AuthEntryError, auth_settings
from mcp_tui.config.schema import ServerSpec
from mcp_tui.sessions.authorisation.authoriser import Authoriser, SignInHost
from mcp_tui.sessions.authorisation.policy import SignInPolicy
from mcp_tui.sessions.authorisation.vault import default_vault
from mcp_tui.sessions.calling.calls import complete, get_prompt, read_resource
from mcp_tui.sessions.calling.log_level import set_log_level
from mcp_tui.sessions.calling.raw import send_raw
from mcp_tui.sessions.connection import Connection
from mcp_tui.sessions.logs import quiet_deprecations
from mcp_tui.sessions.tasks.desk import cancel_known_task, list_tasks, task_outcome
from mcp_tui.sessions.tool_calls import call_tool
from mcp_tui.sessions.transport.decoding import hasten_http

quiet_deprecations()
hasten_http()


def new_authoriser(spec: ServerSpec, policy: SignInPolicy, host: SignInHost) -> Authoriser | None:
    """None when the entry says so; an entry with a bad `auth` never gets here."""
    try:
        settings = auth_settings(spec.auth)
    except AuthEntryError as error:
        host.warn(f"`auth` of the entry is not used: {error.detail}")
        return None
    if settings.grant == "none":
        return None
    return Authoriser(spec.name, spec.url, settings, default_vault(), policy, host)


class Sdk:
    """The functions themselves, so that a caller who has none of them imported is checked against their signatures."""

    Connection = Connection
    call_tool = staticmethod(call_tool)
    cancel_task = staticmethod(cancel_known_task)
    complete = staticmethod(complete)
    get_prompt = staticmethod(get_prompt)
    list_tasks = staticmethod(list_tasks)
    new_authoriser = staticmethod(new_authoriser)
    read_resource = staticmethod(read_resource)
    send_raw = staticmethod(send_raw)
    set_log_level = staticmethod(set_log_level)
    task_result = staticmethod(task_outcome)
