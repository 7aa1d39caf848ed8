"""A suite of an evaluation: what is asked, of whom, with which tools, and what is expected of the answers.

name = "shop"
models = ["fast", "openai/gpt-4.1"]
pass_rate = 1.0

[[case]]
prompt = "Why is the checkout slow?"
servers = ["db"]
[case.expect]
calls = ["db.query"]
text = { contains = "pool" }
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path

from mcp_tui.config import paths, toml
from mcp_tui.config.document import Document, DocumentSyntaxError
from mcp_tui.config.files import read_bytes
from mcp_tui.core.errors import AppError, ErrorKind
from mcp_tui.core.names import known_names_hint
from mcp_tui.core.state import ApprovalPolicy
from mcp_tui.core.text import clean_line
from mcp_tui.runs.evals.expect import Expect
from mcp_tui.runs.evals.expect_keys import expectation, tool_patterns
from mcp_tui.runs.evals.table_reader import Faults, Keys
from mcp_tui.runs.files import TEXT_LIMIT_BYTES, read_files
from mcp_tui.runs.spec import Attachment

DEFAULT_TIMEOUT_S = 600.0
MOST_REPEATS = 1000
MOST_STEPS = 1000
_NAME_CHARS = 60

_DEFAULTS = ("models", "system", "approve", "max_steps", "timeout_s", "repeat", "pass_rate")
_SUITE_KEYS = ("name", *_DEFAULTS, "case")
_CASE_KEYS = ("name", "prompt", "prompt_file", "attach", "servers", "no_tools", "tools_off", *_DEFAULTS, "expect")


@dataclass(frozen=True, slots=True)
class Settings:
    """How a case is run. None: as the configuration says."""

    models: tuple[str, ...] = ()
    models_at: str = ""
    """Where they stand; "" where they come from elsewhere."""
    system: str | None = None
    approval: ApprovalPolicy | None = None
    max_steps: int | None = None
    timeout_s: float = DEFAULT_TIMEOUT_S
    """Of one attempt of one model."""
    repeat: int = 1
    pass_rate: float = 1.0


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    prompt: str
    expect: Expect = field(default_factory=Expect)
    settings: Settings = field(default_factory=Settings)
    attachments: tuple[Attachment, ...] = ()
    servers: tuple[str, ...] | None = None
    """Only the tools of these are offered."""
    no_tools: bool = False
    tools_off: tuple[str, ...] = ()
    where: str = ""
    """`FILE:LINE`"""


@dataclass(frozen=True, slots=True)
class Suite:
    name: str
    file: str
    cases: tuple[Case, ...]

    def part(self, patterns: tuple[str, ...]) -> Suite:
        """Only the cases with such names. AppError (usage) for a pattern that fits none."""
        for pattern in patterns:
            if not any(_called(case, pattern) for case in self.cases):
                hint = known_names_hint(pattern, [case.name for case in self.cases], what="cases")
                detail = f"no case of {self.file} is named {pattern!r}"
                raise AppError("Unknown case", detail, hint, kind=ErrorKind.USAGE, code="suite")
        chosen = (case for case in self.cases if any(_called(case, pattern) for pattern in patterns))
        return replace(self, cases=tuple(chosen)) if patterns else self

    def adjusted(
        self,
        *,
        approval: ApprovalPolicy | None,
        max_steps: int | None,
        repeat: int | None,
        default_approval: ApprovalPolicy,
        default_max_steps: int,
    ) -> Suite:
        """With what comes before the suite, and what counts where it says nothing."""
        cases = [
            replace(
                case,
                settings=replace(
                    case.settings,
                    approval=approval or case.settings.approval or default_approval,
                    max_steps=max_steps or case.settings.max_steps or default_max_steps,
                    repeat=repeat or case.settings.repeat,
                ),
            )
            for case in self.cases
        ]
        return replace(self, cases=tuple(cases))


def read_suite(path: Path) -> Suite:
    """Reads the file, and the prompts and attachments it names. AppError (usage) names every fault with its line."""
    document = _document(path)
    faults = Faults(document)
    keys = Keys(faults, (), document.value)
    keys.refuse_unknown(_SUITE_KEYS)
    name = keys.text("name") or path.stem
    settings = _settings(keys, Settings())
    entries = keys.tables("case")
    if "case" not in keys:
        faults.add((), "there is no [[case]]", 'begin one with [[case]] and prompt = "..."')
    cases = [_case(entry, settings, path.parent) for entry in entries]
    names = Counter(case.name for case in cases)
    seen: set[str] = set()
    for entry, case in zip(entries, cases, strict=True):
        if names[case.name] > 1 and case.name in seen and case.prompt:
            hint = "" if "name" in entry else "the beginning of the prompt is the name: give it one of its own"
            entry.fault("name", f"{case.name!r} stands twice", hint)
        seen.add(case.name)
    faults.raise_any()
    return Suite(clean_line(name), paths.shown(path), tuple(cases))


def _called(case: Case, pattern: str) -> bool:
    """A name with brackets in it is also itself."""
    return case.name == pattern or fnmatchcase(case.name, pattern)


def _document(path: Path) -> Document:
    shown = paths.shown(path)
    try:
        text = read_bytes(path).decode("utf-8-sig")
    except AppError as error:
        raise AppError("Suite", error.info.detail, kind=ErrorKind.USAGE, code="suite") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise AppError("Suite", f"{shown}:{line}: is no UTF-8 text", kind=ErrorKind.USAGE, code="suite") from error
    try:
        return toml.parse(text, path)
    except DocumentSyntaxError as fault:
        place = "".join(f":{number}" for number in (fault.line, fault.column) if number)
        detail = clean_line(f"{shown}{place}: {fault.reason}")
        raise AppError("Suite", detail, kind=ErrorKind.USAGE, code="suite") from fault


def _settings(keys: Keys, default: Settings) -> Settings:
    models = keys.texts("models")
    system = keys.text("system", empty=True)
    max_steps = keys.whole("max_steps", 1, MOST_STEPS)
    pass_rate = keys.number("pass_rate", 0, 1)
    return Settings(
        models=models or default.models,
        models_at=keys.faults.document.where((*keys.place, "models")) if models else default.models_at,
        system=default.system if system is None else system,
        approval=_approval(keys) or default.approval,
        max_steps=max_steps or default.max_steps,
        timeout_s=keys.seconds("timeout_s") or default.timeout_s,
        repeat=keys.whole("repeat", 1, MOST_REPEATS) or default.repeat,
        pass_rate=default.pass_rate if pass_rate is None else pass_rate,
    )


def _approval(keys: Keys) -> ApprovalPolicy | None:
    word = keys.text("approve")
    if word is None:
        return None
    try:
        return ApprovalPolicy(word)
    except ValueError:
        words = [policy.value for policy in ApprovalPolicy]
        keys.fault("approve", f"is {word!r}", known_names_hint(word, words, what="policies"))
        return None


def _case(keys: Keys, settings: Settings, folder: Path) -> Case:
    keys.refuse_unknown(_CASE_KEYS)
    prompt = _prompt(keys, folder)
    first_line = (prompt.strip().splitlines() or [""])[0]
    name = keys.text("name") or (first_line if len(first_line) <= _NAME_CHARS else first_line[: _NAME_CHARS - 1] + "…")
    no_tools = bool(keys.flag("no_tools"))
    servers = keys.texts("servers")
    if no_tools and "servers" in keys:
        keys.fault("servers", "stands beside no_tools = true", "leave out one of them")
    expect = keys.table("expect")
    return Case(
        name=clean_line(name),
        prompt=prompt,
        expect=Expect() if expect is None else expectation(expect),
        settings=_settings(keys, settings),
        attachments=_attachments(keys, folder),
        servers=servers,
        no_tools=no_tools,
        tools_off=tool_patterns(keys, "tools_off") or (),
        where=keys.faults.document.where(keys.place),
    )


def _prompt(keys: Keys, folder: Path) -> str:
    """ "" when there is none; the fault is noted."""
    if "prompt" in keys and "prompt_file" in keys:
        keys.fault("prompt_file", "stands beside `prompt`", "leave out one of them")
        return ""
    if "prompt_file" not in keys:
        if "prompt" not in keys:
            keys.fault("prompt", "is missing")
        return keys.text("prompt") or ""
    name = keys.text("prompt_file")
    if name is None:
        return ""
    try:
        data = read_bytes(folder / Path(name).expanduser())
        if len(data) > TEXT_LIMIT_BYTES:
            raise ValueError(f"larger than {TEXT_LIMIT_BYTES // 1_000_000} MB")
        text = data.decode("utf-8-sig")
    except AppError as error:
        keys.fault("prompt_file", f"cannot be read: {error.info.detail}")
    except UnicodeDecodeError:
        keys.fault("prompt_file", f"{name!r} is no UTF-8 text")
    except ValueError as error:
        keys.fault("prompt_file", f"{name!r} cannot be read: {error}")
    else:
        if text.strip():
            return text
        keys.fault("prompt_file", f"{name!r} is empty")
    return ""


def _attachments(keys: Keys, folder: Path) -> tuple[Attachment, ...]:
    names = keys.texts("attach")
    if names is None:
        return ()
    try:
        return read_files([folder / Path(name).expanduser() for name in names])
    except AppError as error:
        keys.fault("attach", f"cannot be read: {error.info.title}: {error.info.detail}")
        return ()
