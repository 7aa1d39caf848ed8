"""Every key of the interface, in one table. Bindings, the help screen and the README's table come from here.

A widget takes its bindings with `BINDINGS = keys.bindings("column")` and implements the actions named here.
`[keys]` in the configuration remaps by id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from textual.binding import Binding

from mcp_tui.core.errors import ErrorInfo, ErrorKind


@dataclass(frozen=True, slots=True)
class Key:
    scope: str
    """The pane (or `app`) in which it acts."""
    name: str
    keys: str
    """Textual key names, comma separated; the first is shown."""
    action: str
    label: str
    """One or two words for the footer."""
    text: str
    """A sentence for the help screen."""
    show: bool = True
    """In the footer of its pane."""
    priority: bool = False
    """Acts even while typing."""

    @property
    def id(self) -> str:
        return f"{self.scope}.{self.name}"


SCOPES: dict[str, str] = {
    "app": "Everywhere",
    "prompt": "Prompt editor",
    "column": "Model column",
    "approval": "Approval bar",
    "servers": "Servers",
    "catalog": "Tools, resources, prompts",
    "matrix": "Matrix",
    "items": "Workbench: list",
    "form": "Workbench: arguments",
    "result": "Workbench: result",
    "requests": "Requests from servers",
    "answer": "Answer to a server",
    "wire": "Wire: messages",
    "message": "Wire: one message",
    "history": "History: runs",
    "saved": "History: one run",
}

KEYS: tuple[Key, ...] = (
    # Letters act only in panes; what acts while typing is a function key or a control chord.
    Key("app", "help", "f1", "app.show_help", "help", "Show all keys", priority=True),
    Key("app", "palette", "ctrl+p", "app.command_palette", "palette", "Find any action by name", priority=True),
    Key("app", "compare", "f2", "app.switch_mode('compare')", "compare", "Compare models", False, True),
    Key(
        "app",
        "workbench",
        "f3",
        "app.switch_mode('workbench')",
        "workbench",
        "Try tools, resources, prompts",
        False,
        True,
    ),
    Key("app", "wire", "f4", "app.switch_mode('wire')", "wire", "Every message of every server", False, True),
    Key(
        "app", "history", "f5", "app.switch_mode('history')", "history", "Every run, saved as it streamed", False, True
    ),
    Key(
        "app",
        "question",
        "f6",
        "screen.focus_question",
        "answer",
        "Go to the call that waits for approval",
        False,
        True,
    ),
    Key(
        "app",
        "requests",
        "ctrl+g",
        "app.open_requests",
        "requests",
        "Answer what servers ask: forms, web pages, models; see what was answered",
        False,
        True,
    ),
    Key(
        "app",
        "sidebar",
        "ctrl+b",
        "screen.toggle_sidebar",
        "sidebar",
        "Show or hide the sidebar",
        False,
        True,
    ),
    Key("app", "prompt", "ctrl+l", "screen.focus_prompt", "prompt", "Go to the prompt editor", False, True),
    Key("app", "new", "ctrl+n", "screen.new_conversation", "new", "Start a new conversation", False, True),
    Key("app", "next_pane", "tab", "app.focus_next", "next pane", "Go to the next pane", False),
    Key(
        "app",
        "previous_pane",
        "shift+tab",
        "app.focus_previous",
        "previous pane",
        "Go to the previous pane",
        False,
    ),
    Key(
        "app",
        "column1",
        "alt+1",
        "screen.focus_column(1)",
        "column 1",
        "Go to column 1 (alt+2 to alt+9: the others)",
        False,
        True,
    ),
    *(
        Key(
            "app",
            f"column{n}",
            f"alt+{n}",
            f"screen.focus_column({n})",
            f"column {n}",
            f"Go to column {n}",
            False,
            True,
        )
        for n in range(2, 10)
    ),
    Key(
        "app",
        "back",
        "escape",
        "screen.back",
        "back",
        "One step back: dialog, running thing, pane, editor",
        False,
    ),
    Key("app", "quit", "ctrl+q", "app.request_quit", "quit", "Quit (asks while a run is live)", False, True),
    #
    Key("prompt", "send", "enter", "send", "send", "Send to all columns"),
    Key("prompt", "newline", "ctrl+j", "newline", "newline", "New line (shift+enter where the terminal tells)"),
    Key("prompt", "editor", "ctrl+e", "external_editor", "editor", "Write the prompt in $EDITOR"),
    Key("prompt", "older", "up", "older", "older", "Older prompt, from the first line", False),
    Key("prompt", "newer", "down", "newer", "newer", "Newer prompt, from the last line", False),
    # Before those of the columns they stand around: the line of keys shows them first.
    Key("saved", "rerun", "r", "ask('rerun')", "run again", "The same prompt to the same models, in Compare"),
    Key("saved", "fork", "f", "ask('fork')", "continue", "Go on with the conversation in Compare, as a run of its own"),
    Key("saved", "replay", "p", "replay", "replay", "Watch it stream again from the beginning"),
    Key("saved", "pause", "space", "pause", "pause", "Stop the replay and let it go on"),
    Key("saved", "faster", "plus", "speed(1)", "faster", "Replay twice as fast"),
    Key("saved", "slower", "minus", "speed(-1)", "slower", "Replay half as fast"),
    Key("saved", "skip", "e", "skip", "end", "To the end of the replay"),
    Key("saved", "export", "s", "ask('export')", "save", "Save as Markdown, HTML or JSON"),
    Key("saved", "delete", "x,delete", "delete", "delete", "Delete the run"),
    Key("saved", "copy", "C", "ask('copy')", "copy run", "Copy the whole run as Markdown", False),
    Key("saved", "above", "alt+up", "neighbour(-1)", "run above", "The run above in the list", False),
    Key("saved", "below", "alt+down", "neighbour(1)", "run below", "The run below in the list", False),
    #
    Key("column", "cancel", "x", "screen.cancel_column", "stop", "Stop this column"),
    Key("column", "retry", "r", "screen.retry_column", "retry", "Run this column's turn again"),
    Key(
        "column",
        "toggle",
        "enter",
        "toggle_item",
        "open",
        "Unfold or fold a call or the thinking; go to the current link or code block",
    ),
    Key("column", "next_item", "j", "next_item", "next call", "Next call or thinking line", False),
    Key(
        "column",
        "previous_item",
        "k",
        "previous_item",
        "previous call",
        "Previous call or thinking line",
        False,
    ),
    Key(
        "column",
        "next_spot",
        "right_square_bracket",
        "walk_spots(1)",
        "next link",
        "Next link or code block: enter opens, copies or saves it",
        False,
    ),
    Key(
        "column",
        "previous_spot",
        "left_square_bracket",
        "walk_spots(-1)",
        "previous link",
        "Previous link or code block",
        False,
    ),
    Key("column", "search", "slash", "search", "search", "Search in this column; a capital letter minds the case"),
    Key("column", "next_match", "n", "step_match(1)", "next match", "Next match of the search", False),
    Key("column", "previous_match", "N", "step_match(-1)", "previous match", "Previous match of the search", False),
    Key(
        "column",
        "maximise",
        "z",
        "screen.maximise_column",
        "maximise",
        "One column over the whole width, and back",
    ),
    Key("column", "matrix", "m", "screen.show_matrix", "matrix", "Metrics and calls side by side"),
    Key("column", "diff", "d", "screen.diff_answers", "diff", "Compare two answers word by word"),
    Key("column", "copy", "c", "copy_answer", "copy", "Copy the answer"),
    Key("column", "copy_code", "y", "copy_code", "copy code", "Copy the current code block, or the one in view", False),
    Key(
        "column",
        "fork",
        "f",
        "screen.fork_column",
        "follow alone",
        "Send the next prompt to this column alone",
        False,
    ),
    Key("column", "add", "plus", "screen.add_model", "add model", "Add a model", False),
    Key("column", "remove", "minus", "screen.remove_column", "remove", "Remove this column", False),
    Key("column", "params", "p", "screen.edit_params", "parameters", "Parameters, rate limits of this column", False),
    Key("column", "switch", "s", "screen.switch_model", "switch model", "Go on with another model", False),
    Key("column", "up", "up", "scroll_rows(-1)", "up", "Scroll up", False),
    Key("column", "down", "down", "scroll_rows(1)", "down", "Scroll down", False),
    Key("column", "page_up", "pageup", "scroll_page(-1)", "page up", "A page up", False),
    Key("column", "page_down", "pagedown", "scroll_page(1)", "page down", "A page down", False),
    Key("column", "top", "home", "scroll_top", "top", "To the beginning", False),
    Key("column", "bottom", "end", "scroll_bottom", "bottom", "To the end, and follow it", False),
    Key("column", "left", "left,h", "screen.focus_neighbour(-1)", "left", "Column to the left", False),
    Key("column", "right", "right,l", "screen.focus_neighbour(1)", "right", "Column to the right", False),
    #
    Key("approval", "once", "y", "once", "once", "Run it this once"),
    Key("approval", "always", "a", "always", "until quit", "Run it, and every call of this tool until you quit"),
    Key(
        "approval", "keep", "A", "keep", "always", "Run it, and every call of this tool as it is defined now, for good"
    ),
    Key("approval", "deny", "n", "deny", "deny", "Do not run it; the model is told"),
    Key("approval", "edit", "e", "edit", "edit", "Change the arguments before it runs"),
    Key("approval", "next", "right,tab", "next_question", "next", "Next waiting call", False),
    #
    Key("servers", "card", "enter,i", "open_card", "details", "Version, capabilities, stderr, what failed"),
    Key("servers", "toggle", "space", "toggle_server", "on/off", "Connect or disconnect the server"),
    Key("servers", "retry", "r", "retry_server", "reconnect", "Connect again now"),
    Key("servers", "sign_in", "s", "sign_in", "sign in", "Sign in with the browser, or stop waiting for it"),
    Key("servers", "log", "l", "open_log", "log", "What the server logs, and its stderr", False),
    Key("servers", "tasks", "t", "app.open_tasks", "tasks", "Calls that go on as tasks: results, cancel", False),
    Key("servers", "sign_out", "S", "sign_out", "sign out", "Forget the sign-in to this server", False),
    #
    Key("catalog", "filter", "slash", "focus_filter", "filter", "Filter by name or description"),
    Key(
        "catalog",
        "toggle",
        "space",
        "toggle_entry",
        "on/off",
        "Offer the tool (or the whole server) to the models or not",
    ),
    Key("catalog", "open", "enter", "open_entry", "open", "Open in the Workbench"),
    Key("catalog", "left", "left,h", "previous_tab", "previous tab", "Tools, resources, prompts", False),
    Key("catalog", "right", "right,l", "next_tab", "next tab", "Tools, resources, prompts", False),
    #
    Key("matrix", "close", "m", "app.pop_screen", "close", "Back to the columns"),
    #
    Key("items", "filter", "slash", "focus_filter", "filter", "Filter by name or description"),
    Key("items", "open", "enter", "open_entry", "open", "Open; a tool without arguments runs"),
    Key("items", "refresh", "r", "refresh_catalog", "reload", "Fetch the catalog again"),
    Key("items", "tasks", "t", "app.open_tasks", "tasks", "Calls that go on as tasks: results, cancel", False),
    Key("items", "left", "left,h", "previous_tab", "previous tab", "Tools, resources, prompts", False),
    Key("items", "right", "right,l", "next_tab", "next tab", "Tools, resources, prompts", False),
    #
    Key("form", "run", "f9,ctrl+enter", "screen.run_item", "run", "Run with these arguments", True, True),
    Key(
        "form",
        "again",
        "f10,alt+r",
        "screen.run_again",
        "run again",
        "Run the last call of this server once more, as it was",
        False,
        True,
    ),
    Key(
        "form",
        "task",
        "ctrl+t",
        "screen.toggle_task",
        "as task",
        "Run this tool as a task, or not: a task outlives a lost connection",
        True,
        True,
    ),
    Key(
        "form",
        "follow",
        "ctrl+f",
        "screen.toggle_follow",
        "follow",
        "Read this resource again whenever the server says that it changed",
        True,
        True,
    ),
    Key("form", "view", "f8", "screen.toggle_view", "form/JSON", "Switch between form and JSON", True, True),
    Key(
        "form",
        "older",
        "alt+up",
        "screen.older_arguments",
        "older",
        "Older arguments of this tool",
        False,
        True,
    ),
    Key(
        "form",
        "newer",
        "alt+down",
        "screen.newer_arguments",
        "newer",
        "Newer arguments of this tool",
        False,
        True,
    ),
    Key(
        "form",
        "editor",
        "ctrl+e",
        "screen.external_editor",
        "editor",
        "Write the JSON in $EDITOR",
        False,
        True,
    ),
    Key(
        "form",
        "field",
        "f7",
        "screen.field_menu",
        "field",
        "This field: not sent, null, default, add, move",
        True,
        True,
    ),
    Key("form", "result", "ctrl+r", "screen.focus_result", "result", "Go to the result", False, True),
    #
    Key("result", "copy", "c", "copy_result", "copy", "Copy what is shown"),
    Key("result", "save", "s", "save_result", "save", "Save to a file"),
    Key("result", "left", "left,h", "previous_tab", "previous view", "Result, structured, raw, wire", False),
    Key("result", "right", "right,l", "next_tab", "next view", "Result, structured, raw, wire", False),
    Key("result", "older", "left_square_bracket", "older_result", "older", "Previous result"),
    Key("result", "newer", "right_square_bracket", "newer_result", "newer", "Next result"),
    Key("result", "diff", "d", "diff_results", "diff", "Compare with the result before it"),
    Key("result", "send", "p", "send_to_compare", "to prompt", "Put it into the Compare prompt", False),
    #
    Key("requests", "answer", "enter,w", "screen.answer_request", "answer", "Go to the answer"),
    Key("requests", "decline", "d", "screen.decline_request", "decline", "Say no to the server"),
    Key("requests", "cancel", "x", "screen.cancel_request", "cancel", "Put the question away: neither yes nor no"),
    Key("requests", "open", "o", "screen.open_address", "open", "Open the web page in the browser"),
    Key("requests", "copy", "c", "screen.copy_address", "copy", "Copy the address of the web page"),
    Key(
        "requests",
        "generate",
        "g",
        "screen.generate",
        "ask model",
        "Let the model write the answer; nothing is sent yet",
    ),
    Key("requests", "model", "m", "screen.choose_model", "model", "Choose the model that answers"),
    Key("requests", "canned", "k", "screen.canned", "ready answer", "Take an earlier or a ready answer"),
    Key("requests", "prompt", "p", "screen.edit_prompt", "prompt", "Change what the model is asked, as JSON", False),
    Key("requests", "json", "e", "screen.edit_answer", "JSON", "Change the whole answer, as JSON", False),
    #
    Key("answer", "send", "f9,ctrl+enter", "send_answer", "send", "Send the answer to the server", True, True),
    Key("answer", "view", "f8", "toggle_view", "form/JSON", "Switch between form and JSON", True, True),
    Key("answer", "field", "f7", "field_menu", "field", "This field: not sent, null, default, add, move", False, True),
    #
    Key("wire", "filter", "slash", "ask('filter')", "filter", "Filter: words, error, sent, server:NAME, id:5, -not"),
    Key("wire", "open", "enter", "ask('open')", "message", "Go to the message"),
    Key("wire", "link", "l", "ask('link')", "answer", "From a request to its answer, and back"),
    Key("wire", "edit", "e", "ask('edit')", "edit+resend", "Edit a request and send it again"),
    Key("wire", "mark", "m", "ask('mark')", "mark", "Mark this message, to compare another one with it"),
    Key(
        "wire",
        "diff",
        "d",
        "ask('diff')",
        "diff",
        "Compare this message with the marked one, else a request with its answer",
    ),
    Key("wire", "follow", "f,end,G", "edge(1)", "follow", "To the newest message, and follow what comes"),
    Key("wire", "export", "s", "ask('export')", "save", "Save the shown messages as JSON lines"),
    Key("wire", "copy", "c", "ask('copy')", "copy", "Copy the message", False),
    Key("wire", "up", "up,k", "move(-1)", "up", "Message above", False),
    Key("wire", "down", "down,j", "move(1)", "down", "Message below", False),
    Key("wire", "page_up", "pageup", "page(-1)", "page up", "A page up", False),
    Key("wire", "page_down", "pagedown", "page(1)", "page down", "A page down", False),
    Key("wire", "top", "home,g", "edge(0)", "top", "To the oldest message", False),
    #
    Key("message", "copy", "c", "ask('copy')", "copy", "Copy the message"),
    Key("message", "link", "l", "ask('link')", "answer", "From a request to its answer, and back"),
    Key("message", "edit", "e", "ask('edit')", "edit+resend", "Edit a request and send it again"),
    Key("message", "older", "left_square_bracket,left,h", "ask('older')", "older", "The message above in the list"),
    Key("message", "newer", "right_square_bracket,right", "ask('newer')", "newer", "The message below in the list"),
    #
    Key("history", "filter", "slash", "ask('filter')", "search", "Search prompts, answers, names of tools and models"),
    Key("history", "open", "enter", "ask('open')", "open", "Open the run as it was"),
    Key("history", "rerun", "r", "ask('rerun')", "run again", "The same prompt to the same models, in Compare"),
    Key(
        "history", "fork", "f", "ask('fork')", "continue", "Go on with the conversation in Compare, as a run of its own"
    ),
    Key("history", "replay", "p", "ask('replay')", "replay", "Watch it stream again, at its own speed"),
    Key("history", "export", "s", "ask('export')", "save", "Save as Markdown, HTML or JSON"),
    Key("history", "delete", "x,delete", "ask('delete')", "delete", "Delete the run"),
    Key("history", "copy", "c", "ask('copy')", "copy", "Copy the whole run as Markdown"),
)


def bindings(scope: str) -> list[Binding]:
    """The Textual bindings of one pane; the actions are its own or, with a prefix, its screen's or the app's."""
    return [
        Binding(key.keys, key.action, key.label, show=key.show, priority=key.priority, id=key.id, tooltip=key.text)
        for key in KEYS
        if key.scope == scope
    ]


def keymap(overrides: Mapping[str, str]) -> tuple[dict[str, str], tuple[ErrorInfo, ...]]:
    """The usable part of `[keys]`, and what is wrong with the rest: unknown ids, empty keys, clashes."""
    known = {key.id: key for key in KEYS}
    usable: dict[str, str] = {}
    problems: list[ErrorInfo] = []
    for key_id, keys in overrides.items():
        if key_id not in known:
            hint = "F1 lists every key; the ids are in the README"
            problems.append(_problem(f"[keys] has no binding called {key_id!r}", hint))
        elif not all(part.strip() for part in keys.split(",")):
            problems.append(_problem(f"[keys] {key_id} is empty", 'write keys as "f9" or "ctrl+r,f9"'))
        else:
            usable[key_id] = ",".join(part.strip() for part in keys.split(","))
    taken: dict[tuple[str, str], str] = {}
    for key in KEYS:
        for single in usable.get(key.id, key.keys).split(","):
            other = taken.setdefault((key.scope, single.strip()), key.id)
            if other != key.id:
                both = f"{single.strip()} is both {other} and {key.id}"
                problems.append(_problem(f"[keys] {both}", "give one of them another key"))
                usable.pop(key.id, None)
    return usable, tuple(problems)


def _problem(detail: str, hint: str) -> ErrorInfo:
    return ErrorInfo("Key binding ignored", detail, hint, ErrorKind.USAGE, "bad_key")


_NAMES = {
    "escape": "esc",
    "enter": "enter",
    "slash": "/",
    "plus": "+",
    "minus": "-",
    "space": "space",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
}


def shown(keys: str) -> str:
    """The first key as people write it: `^p`, `F1`, `alt+1`, `/`."""
    key = keys.split(",", maxsplit=1)[0].strip()
    if key.startswith("ctrl+") and len(key) == len("ctrl+x"):
        return "^" + key[-1]
    if key[:1] == "f" and key[1:].isdigit():
        return key.upper()
    return "+".join(_NAMES.get(part, part) for part in key.split("+"))
