"""The same servers in the configuration of another client, to be pasted there.

What a client cannot express is left out and said; a plain secret becomes a reference (`clients.secrets`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

import tomli_w

from mcp_tui.config.clients.places import CLIENTS
from mcp_tui.config.clients.secrets import withhold
from mcp_tui.config.clients.translate import looks_like_sse
from mcp_tui.core.json_values import as_list, is_object
from mcp_tui.core.types import JsonObject

OWN = "mcp-tui"
SHAPES: dict[str, str] = {OWN: "this program's own TOML", **CLIENTS}
ALIASES = {"claude": "claude-code", "toml": OWN, "own": OWN, "code": "vscode", "vs-code": "vscode"}

_REFERENCE = re.compile(r"(?<!\$)\$\{([^{}]*)\}")
_ASKED = re.compile(r"(?<!\$)\$\{(input:[^{}]*)\}")
_WHOLE = re.compile(r"\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)\}")
_BEARER = re.compile(r"Bearer \$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(slots=True)
class Shaped:
    text: str = ""
    """JSON or TOML, as the whole file would read."""
    notes: list[str] = field(default_factory=list[str])
    """What got lost or has to be done by hand, one sentence each."""
    written: list[str] = field(default_factory=list[str])
    """Names of the servers that could be expressed."""


def shaped(shape: str, servers: Mapping[str, JsonObject]) -> Shaped:
    """Entries of `[servers.NAME]`, variables unexpanded, as a file of the client."""
    return _Writer(shape).file(servers)


class _Writer:
    def __init__(self, shape: str) -> None:
        self._shape = shape
        self._title = SHAPES[shape]
        self._result = Shaped()
        self._inputs: dict[str, JsonObject] = {}
        self._server = ""
        self._withheld: Mapping[str, str] = {}

    def file(self, servers: Mapping[str, JsonObject]) -> Shaped:
        entries: JsonObject = {}
        for name, entry in servers.items():
            self._server = name
            withheld = withhold(name, entry)
            self._withheld = withheld.variables
            if self._shape == "vscode":
                self._ask_for(withheld.variables)
            before = len(self._result.notes)
            written = _ENTRIES[self._shape](self, dict(withheld.entry))
            if written is not None:
                entries[name] = written
                self._result.written.append(name)
                self._note_withheld(withheld.variables, json.dumps(written), before)
        self._result.text = self._document(entries)
        return self._result

    def _note_withheld(self, variables: Mapping[str, str], written: str, at: int) -> None:
        """Where the secrets of an entry have to come from, ahead of its other notes; not those that got lost."""
        notes = [
            f"{self._server}: the secret in `{place}` is withheld: {where}"
            for variable, place in variables.items()
            if (where := self._where(variable, written))
        ]
        self._result.notes[at:at] = notes

    def _document(self, entries: JsonObject) -> str:
        if self._shape == OWN:
            return tomli_w.dumps({"servers": entries})
        if self._shape == "codex":
            return tomli_w.dumps({"mcp_servers": entries})
        document: JsonObject = {"servers" if self._shape == "vscode" else "mcpServers": entries}
        asked = json.dumps(entries)
        if inputs := [item for item in self._inputs.values() if f"${{input:{item['id']}}}" in asked]:
            document = {"inputs": inputs, **document}
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"

    def _note(self, text: str) -> None:
        self._result.notes.append(f"{self._server}: {text}")

    def _where(self, variable: str, written: str) -> str:
        """What to do about a variable, as it stands in the entry; "" when it does not."""
        if self._shape == "vscode":
            name = _input_id(variable)
            return f"VS Code asks for it as {name}" if f"${{input:{name}}}" in written else ""
        if self._shape in _LITERAL and f"${{{variable}}}" in written:
            return f"write it in place of ${{{variable}}}"
        mentioned = (f"${{{variable}}}", f"${{env:{variable}}}", f'"{variable}"')
        return f"set {variable}" if any(text in written for text in mentioned) else ""

    def _ask_for(self, variables: Mapping[str, str]) -> None:
        for variable, place in variables.items():
            name = _input_id(variable)
            text = f"{place} of {self._server}"
            self._inputs[variable] = {"type": "promptString", "id": name, "description": text, "password": True}

    # ------------------------------------------------------------------ entries

    def own(self, entry: JsonObject) -> JsonObject:
        return entry

    def claude_desktop(self, entry: JsonObject) -> JsonObject | None:
        if "url" in entry:
            self._note("Claude Desktop's file takes stdio servers only; left out (add it under Connectors there)")
            return None
        return self._stdio(entry, "cwd", "envFile", "timeout")

    def claude_code(self, entry: JsonObject) -> JsonObject:
        if "url" not in entry:
            return {"type": "stdio", **self._stdio(entry, "cwd", "envFile", timeout=("timeout", 1000))}
        result: JsonObject = {"type": self._remote_type(entry), **self._remote(entry, timeout=("timeout", 1000))}
        auth = _strings(entry.get("auth"))
        if client := auth.get("client_id"):
            result["oauth"] = {"clientId": client}
        if "client_secret" in auth:
            self._note("`auth.client_secret` has no place in the file: Claude Code asks for it when it is added")
        return result

    def cursor(self, entry: JsonObject) -> JsonObject:
        if "url" not in entry:
            return self._stdio(entry, "cwd", "timeout", env_file=True)
        result = self._remote(entry, "timeout")
        auth = _strings(entry.get("auth"))
        names = {"client_id": "CLIENT_ID", "client_secret": "CLIENT_SECRET"}
        written: JsonObject = {names[name]: self._text(auth[name]) for name in names if name in auth}
        if written and "scope" in auth:
            written["scopes"] = auth["scope"].split()
        return {**result, **({"auth": written} if written else {})}

    def vscode(self, entry: JsonObject) -> JsonObject:
        if "url" not in entry:
            return {"type": "stdio", **self._stdio(entry, "timeout", env_file=True, cwd=True)}
        return {"type": self._remote_type(entry), **self._remote(entry, "auth", "timeout")}

    def cline(self, entry: JsonObject) -> JsonObject:
        if "url" not in entry:
            result = self._stdio(entry, "envFile", cwd=True, timeout=("timeout", 1), off=True)
            return {"type": "stdio", **result}
        kind = "sse" if self._remote_type(entry) == "sse" else "streamableHttp"
        return {"type": kind, **self._remote(entry, "auth", timeout=("timeout", 1), off=True)}

    def windsurf(self, entry: JsonObject) -> JsonObject:
        if "url" not in entry:
            return self._stdio(entry, "cwd", "envFile", "timeout", off=True, tools=(None, "disabledTools"))
        result = self._remote(entry, "auth", "timeout", off=True, tools=(None, "disabledTools"))
        return {"serverUrl" if name == "url" else name: value for name, value in result.items()}

    def gemini(self, entry: JsonObject) -> JsonObject:
        tools = ("includeTools", "excludeTools")
        if "url" not in entry:
            return self._stdio(entry, "envFile", cwd=True, timeout=("timeout", 1000), tools=tools)
        result = self._remote(entry, timeout=("timeout", 1000), tools=tools)
        key = "url" if self._remote_type(entry) == "sse" else "httpUrl"
        result = {key if name == "url" else name: value for name, value in result.items()}
        auth = _strings(entry.get("auth"))
        names = {"client_id": "clientId", "client_secret": "clientSecret"}
        written: JsonObject = {names[name]: self._text(auth[name]) for name in names if name in auth}
        if written and "scope" in auth:
            written["scopes"] = auth["scope"].split()
        return {**result, **({"oauth": {"enabled": True, **written}} if written else {})}

    def codex(self, entry: JsonObject) -> JsonObject | None:
        result: JsonObject = {}
        if "url" not in entry:
            # Codex replaces no variables: those of the same name are forwarded, the rest must be written out.
            env = {name: self._variable(value) for name, value in _strings(entry.get("env")).items()}
            forwarded = [name for name, value in env.items() if _is_whole(value, name)]
            plain = {**entry, "env": {name: value for name, value in env.items() if name not in forwarded}}
            result = self._stdio(plain, "envFile", cwd=True)
            names = [*as_list(entry.get("env_vars")), *forwarded]
            if names:
                result["env_vars"] = names
        else:
            if self._remote_type(entry) == "sse":
                self._note("Codex takes no SSE servers; left out")
                return None
            result["url"] = self._text(str(entry["url"]))
            self._lost(entry, "auth")
            result.update(self._codex_headers(_strings(entry.get("headers"))))
        for own, key in (("connect_timeout_s", "startup_timeout_sec"), ("call_timeout_s", "tool_timeout_sec"),
                         ("enabled_tools", "enabled_tools"), ("disabled_tools", "disabled_tools")):  # fmt: skip
            if own in entry:
                result[key] = entry[own]
        if entry.get("disabled"):
            result["enabled"] = False
        return result

    def _codex_headers(self, headers: Mapping[str, str]) -> JsonObject:
        result: JsonObject = {}
        plain: dict[str, str] = {}
        named: dict[str, str] = {}
        for name, given in headers.items():
            value = self._variable(given)
            if name.lower() == "authorization" and (found := _BEARER.fullmatch(value)):
                result["bearer_token_env_var"] = found[1]
            elif found := _WHOLE.fullmatch(value):
                named[name] = found[1]
            else:
                plain[name] = self._text(value)
        for key, table in (("http_headers", plain), ("env_http_headers", named)):
            if table:
                result[key] = table
        return result

    # ------------------------------------------------------------------ parts

    def _stdio(
        self,
        entry: JsonObject,
        *lost: str,
        env_file: bool = False,
        cwd: bool = False,
        timeout: tuple[str, int] | None = None,
        off: bool = False,
        tools: tuple[str | None, str | None] = (None, None),
    ) -> JsonObject:
        result: JsonObject = {"command": self._text(str(entry.get("command", "")))}
        if args := as_list(entry.get("args")):
            result["args"] = [self._text(str(item)) for item in args]
        env = {name: self._text(value) for name, value in _strings(entry.get("env")).items()}
        if self._shape != "codex":
            for name in as_list(entry.get("env_vars")):
                env.setdefault(name, self._text(f"${{{name}}}"))
        if env:
            result["env"] = env
        if env_file and "envFile" in entry:
            result["envFile"] = self._text(str(entry["envFile"]))
        if cwd and "cwd" in entry:
            result["cwd"] = self._text(str(entry["cwd"]))
        self._lost(entry, *(name for name in lost if name != "timeout"))
        return {**result, **self._settings(entry, timeout, off=off, tools=tools)}

    def _remote(
        self,
        entry: JsonObject,
        *lost: str,
        timeout: tuple[str, int] | None = None,
        off: bool = False,
        tools: tuple[str | None, str | None] = (None, None),
    ) -> JsonObject:
        result: JsonObject = {"url": self._text(str(entry["url"]))}
        headers = {name: self._text(value) for name, value in _strings(entry.get("headers")).items()}
        if headers:
            result["headers"] = headers
        self._lost(entry, *(name for name in lost if name != "timeout"))
        return {**result, **self._settings(entry, timeout, off=off, tools=tools)}

    def _settings(
        self,
        entry: JsonObject,
        timeout: tuple[str, int] | None,
        *,
        off: bool,
        tools: tuple[str | None, str | None],
    ) -> JsonObject:
        if self._shape == "codex":
            return {}
        result: JsonObject = {}
        seconds = entry.get("call_timeout_s")
        if timeout is not None and isinstance(seconds, int | float):
            result[timeout[0]] = round(seconds * timeout[1])
        if entry.get("disabled"):
            if off:
                result["disabled"] = True
            else:
                self._note(f"it is switched off here; {self._title} would start it")
        for own, key in zip(("enabled_tools", "disabled_tools"), tools, strict=True):
            if key is not None and own in entry:
                result[key] = entry[own]
            elif own in entry:
                self._lost(entry, own)
        return result

    def _lost(self, entry: JsonObject, *names: str) -> None:
        for name in names:
            if name in entry:
                self._note(f"`{name}` has no place in the file of {self._title}; left out")

    def _remote_type(self, entry: JsonObject) -> str:
        kind = entry.get("type")
        if kind in ("sse", "http"):
            return cast("str", kind)
        return "sse" if kind == "auto" or looks_like_sse(entry.get("url")) else "http"

    # ------------------------------------------------------------------ variables

    def _text(self, text: str) -> str:
        """The text with its variables as this client writes them."""
        if self._shape == OWN or "${" not in text:
            return text
        return _REFERENCE.sub(self._reference, text).replace("$${", "${")

    def _reference(self, found: re.Match[str]) -> str:
        name, marker, _default = found[1].partition(":-")
        name = name.removeprefix("env:")
        if name in self._inputs:
            return f"${{input:{self._inputs[name]['id']}}}"
        if name.startswith("input:"):
            return self._input(name)
        if name in ("workspaceFolder", "workspaceFolderBasename", "pathSeparator", "/", "userHome"):
            return self._place(name, found[0])
        if self._shape in _LITERAL:
            if name not in self._withheld:
                self._note(f"{self._title} replaces no variables: write the value of {name} there")
            return f"${{{name}}}"
        if self._shape in ("claude-code", "gemini"):
            if marker and self._shape == "gemini":
                self._note(f"the default of {name} is left out")
                return f"${{{name}}}"
            return f"${{{name}{marker}{_default}}}"
        if marker:
            self._note(f"the default of {name} is left out")
        return f"${{env:{name}}}"

    def _input(self, name: str) -> str:
        wanted = name.removeprefix("input:")
        if self._shape == "vscode":
            spec: JsonObject = {"type": "promptString", "id": wanted, "description": wanted, "password": True}
            self._inputs.setdefault(name, spec)
            return f"${{{name}}}"
        variable = re.sub(r"[^A-Za-z0-9]+", "_", wanted).upper()
        self._note(f"only VS Code asks for inputs: set {variable} in place of {wanted}")
        return f"${{env:{variable}}}" if self._shape in ("cursor", "windsurf") else f"${{{variable}}}"

    def _variable(self, text: str) -> str:
        """The text with its inputs as variables, for a client that takes whole variables in some places."""
        return _ASKED.sub(lambda found: self._input(found[1]), text)

    def _place(self, name: str, given: str) -> str:
        if self._shape in ("cursor", "vscode"):
            return given
        if name == "userHome" and self._shape not in _LITERAL:
            return "${env:HOME}" if self._shape == "windsurf" else "${HOME}"
        self._note(f"{self._title} does not know {given}: write the path there")
        return given


_LITERAL = frozenset({"claude-desktop", "cline", "codex"})
"""Clients whose files hold plain values only."""

_ENTRIES: Mapping[str, Callable[[_Writer, JsonObject], JsonObject | None]] = {
    OWN: _Writer.own,
    "claude-desktop": _Writer.claude_desktop,
    "claude-code": _Writer.claude_code,
    "cursor": _Writer.cursor,
    "vscode": _Writer.vscode,
    "codex": _Writer.codex,
    "cline": _Writer.cline,
    "windsurf": _Writer.windsurf,
    "gemini": _Writer.gemini,
}


def _input_id(variable: str) -> str:
    return variable.lower().replace("_", "-")


def _is_whole(value: str, name: str) -> bool:
    found = _WHOLE.fullmatch(value)
    return found is not None and found[1] == name


def _strings(value: object) -> dict[str, str]:
    if not is_object(value):
        return {}
    return {name: _plain(item) for name, item in value.items()}


def _plain(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
