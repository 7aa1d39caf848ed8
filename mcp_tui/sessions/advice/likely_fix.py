"""What most likely helps a child process that ended or never answered, read from its last words.

One sentence for the card on screen, `doctor` and error messages alike. What is quoted in it comes from the server:
faces clean it as they clean everything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from mcp_tui.config.schema import ServerSpec

_LINES = 80
"""Of its error output; the end says why."""
_OLDEST_NODE = 20
_NETWORK_NAME = re.compile(r"(?i)proxy|registry|index_url|^npm_config|^(?:uv|pip)_(?:index|.*proxy)")
_CERTIFICATE_NAME = re.compile(r"(?i)(?:^|_)ca(?:_|$)|cert|ssl|tls")
_NOISE = re.compile(
    r"A complete log of this run|^Node\.js v\d|^at \S|^[\^~]+$|^[}\]];?,?$|^npm (?:error|ERR!) *$|--help'"
)
"""What stands below the reason."""
_DOWNLOADERS = frozenset({"npx", "npm", "bunx", "pnpm", "yarn", "uvx", "uv", "pipx", "docker", "podman", "deno"})
_VARIABLE = r"([A-Z][A-Z0-9]{0,40}_[A-Z0-9_]{1,60})"


@dataclass(frozen=True, slots=True)
class LastWords:
    """What is known about a process that is no MCP server (any more)."""

    spec: ServerSpec
    stderr: Sequence[str]
    env_withheld: Sequence[str] = ()
    """Names of variables of ours that it did not get."""
    exit_code: int | None = None
    signal: str | None = None
    answered: bool = False
    """It spoke JSON-RPC before."""
    garbage: str = ""
    """The first line on its standard output that was no JSON-RPC message."""

    @property
    def text(self) -> str:
        return "\n".join(self.stderr[-_LINES:])

    def withheld(self, name: str) -> bool:
        return name in self.env_withheld


@dataclass(frozen=True, slots=True)
class Advice:
    fix: str
    """One sentence, or "" when nothing it said is known."""
    line: str
    """The line of its error output that says why it ended, as far as that can be told; "" when it said nothing."""


def likely_fix(words: LastWords) -> Advice:
    text = words.text
    for pattern, advise in _RULES:
        for found in pattern.finditer(text):
            if advice := advise(words, found):
                start = text.rfind("\n", 0, found.start()) + 1
                return Advice(advice, text[start : found.end()] + text[found.end() :].partition("\n")[0])
    return Advice(_from_output(words) or _from_ending(words), _last_line(words.stderr))


def silence_fix(words: LastWords) -> str:
    """For one that runs, and neither answers nor says anything that is known."""
    kinds = (_NETWORK_NAME, _CERTIFICATE_NAME)
    lacks = list(dict.fromkeys(name for kind in kinds for name in words.env_withheld if kind.search(name)))[:4]
    if lacks and not words.answered and PurePath(words.spec.command).name in _DOWNLOADERS:
        return f"It may wait for a download without {', '.join(lacks)}: name what it needs in the entry's env"
    if words.text.strip():
        return "Look at its error output, or raise connect_timeout_s"
    return "It wrote nothing to stderr: run the command by hand to see what it waits for, or raise connect_timeout_s"


def _last_line(lines: Sequence[str]) -> str:
    said = [line.strip() for line in lines if line.strip()]
    return next((line for line in reversed(said) if not _NOISE.search(line)), said[-1] if said else "")


def _from_output(words: LastWords) -> str:
    served = _SERVES.search(f"{words.text}\n{words.garbage}")
    if served is not None and not words.answered:
        where = served[1] or f"http://localhost:{served[2]}"
        return f'It serves HTTP at {_short(where)}: connect to its URL instead, with url = "{_short(where)}/mcp"'
    if words.garbage and not words.answered:
        said = _short(words.garbage)
        return f"It prints text where only JSON-RPC may stand (“{said}”): its logs belong on stderr"
    return ""


def _from_ending(words: LastWords) -> str:
    if words.signal == "SIGKILL":
        return "Something else ended it; if that was not you, it may have needed too much memory"
    if words.signal in ("SIGSEGV", "SIGBUS", "SIGILL", "SIGABRT", "SIGFPE"):
        return "It crashed in native code: update it, or what runs it"
    if words.exit_code == 126:
        return "What it starts cannot be executed: chmod +x, or name the interpreter as the command"
    if words.exit_code == 127:
        return "What it starts is not installed, or not on its PATH"
    if place := _own_place(words.text):
        return f"It failed at {place}"
    if words.exit_code == 0 and not words.answered:
        return "It ended without an error and without a word: it may need an argument such as `stdio`"
    return ""


def _own_place(text: str) -> str:
    """Where in the server's own code, as its last stack trace has it: not in a library, if that can be told."""
    trace = text[max(0, text.rfind("Traceback (most recent call last)")) :]
    if frames := [(path, line) for path, line in _PYTHON_FRAME.findall(trace) if not path.startswith("<")]:
        own = [frame for frame in frames if not _LIBRARY.search(frame[0])]
        path, line = (own or frames)[-1]
        return f"{path}, line {line}"
    if frame := _NODE_FRAME.search(text):
        return f"{frame[1]}, line {frame[2]}"
    return ""


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else f"{line[:79]}…"


def _group(found: re.Match[str]) -> str:
    return _short(next((part for part in found.groups() if part), ""))


# ---------------------------------------------------------------------- one function per kind of advice


def _docker_image(words: LastWords, found: re.Match[str]) -> str:
    return f"There is no image {_group(found)} to be had: check its name, or `docker login`"


def _npm_package(words: LastWords, found: re.Match[str]) -> str:
    name = _group(found).replace("%2f", "/").replace("%2F", "/")
    return f"npm has no package {name}: check its name in args"


def _pypi_package(words: LastWords, found: re.Match[str]) -> str:
    return f"The Python package index has no package {_group(found)}: check its name in args"


def _no_version(words: LastWords, found: re.Match[str]) -> str:
    return f"There is no such version: {_group(found).rstrip('.')}; check what stands after the package's name in args"


def _needs_node(words: LastWords, found: re.Match[str]) -> str:
    here = _NODE_VERSION.search(words.text)
    has = f"this is v{here[1]}" if here is not None else "the one it gets is older"
    return f"It needs Node.js {_group(found)}; {has}: install a newer one, or give its full path as `command`"


def _old_node(words: LastWords, found: re.Match[str]) -> str:
    here = _NODE_VERSION.search(words.text)
    if here is None or int(here[1].partition(".")[0]) >= _OLDEST_NODE:
        return ""
    newer = f"install Node.js {_OLDEST_NODE} or newer, or give its full path as `command`"
    return f"Node.js v{here[1]} is too old for it: {newer}"


def _python_version(words: LastWords, found: re.Match[str]) -> str:
    return f"It needs Python {_group(found)}: give that one as the command, or `uvx --python`"


def _python_module(words: LastWords, found: re.Match[str]) -> str:
    module, command = _group(found), words.spec.command
    if "python" in PurePath(command).name:
        return f"This Python has no module {module}: install it with `{command} -m pip install`, or run it with uvx"
    return f"The Python module {module} is missing where it runs: install the package that has it there"


def _python_conflict(words: LastWords, found: re.Match[str]) -> str:
    package = _group(found).partition(".")[0]
    if PurePath(words.spec.command).name == "uvx":
        return f"It was written for another version of {package}: pin one, as in `uvx --with '{package}<2' ...`"
    return f"It was written for another version of {package}: install the one it names, or update it"


def _node_module(words: LastWords, found: re.Match[str]) -> str:
    name = _group(found)
    if name.startswith(("/", ".", "file:")) or name[1:3] == ":\\":
        return f"There is no {name}: correct the path in args, or build the server first"
    return f"Its package {name} is not installed: run `npm install` in the server's folder"


def _no_file(words: LastWords, found: re.Match[str]) -> str:
    name = _group(found)
    start = f"; relative paths start at {words.spec.cwd or 'the folder mcp-tui was started in'}"
    return f"There is no {name}: correct the path in the entry{'' if name.startswith('/') else start}"


def _no_program(words: LastWords, found: re.Match[str]) -> str:
    return f"It starts {_group(found)}, which is not installed or not on its PATH"


def _no_access(words: LastWords, found: re.Match[str]) -> str:
    return f"It may not use {_group(found)}: change its permissions, or the path in the entry"


def _port_taken(words: LastWords, found: re.Match[str]) -> str:
    port = next((part for part in found.groups() if part), "")
    what = f"port {port}" if port else "the port it wants"
    return f"Another process has {what}: end that one, or give this server another port"


def _variable(words: LastWords, found: re.Match[str]) -> str:
    name = _group(found)
    if name in words.spec.env:
        return f"{name} is not accepted: correct its value in the entry's env"
    if words.withheld(name):
        return (
            f'{name} is set here, but a server gets only what its entry names: add env = {{ {name} = "${{{name}}}" }}'
        )
    return f"Set {name} in the entry's env"


def _passing(words: LastWords, kind: re.Pattern[str]) -> str:
    names = [name for name in words.env_withheld if kind.search(name)][:4]
    if not names:
        return ""
    one = len(names) == 1
    return (
        f"; {', '.join(names)} of yours {'is' if one else 'are'} passed on only if env names {'it' if one else 'them'}"
    )


def _certificate(words: LastWords, found: re.Match[str]) -> str:
    name = "NODE_EXTRA_CA_CERTS" if _NODE_VERSION.search(words.text) or _is_node(words.spec) else "SSL_CERT_FILE"
    advice = f"It does not trust a certificate, perhaps of a company proxy: set {name} in the entry's env"
    return advice + _passing(words, _CERTIFICATE_NAME)


def _network(words: LastWords, found: re.Match[str]) -> str:
    advice = "It could not reach the network: check the connection, or set HTTPS_PROXY in the entry's env"
    return advice + _passing(words, _NETWORK_NAME)


def _is_node(spec: ServerSpec) -> bool:
    return PurePath(spec.command).name in ("node", "npx", "npm", "bunx", "bun", "pnpm", "yarn")


def _says(sentence: str) -> Callable[[LastWords, re.Match[str]], str]:
    def advise(words: LastWords, found: re.Match[str]) -> str:
        return sentence

    return advise


_NODE_VERSION = re.compile(r"Node\.js v(\d{1,3}\.\d{1,3}\.\d{1,3})|node: ?'?v(\d{1,3}\.\d{1,3}\.\d{1,3})")
_PYTHON_FRAME = re.compile(r'File "([^"\n]{1,400})", line (\d{1,7})')
_NODE_FRAME = re.compile(r"(?m)^(?:file://)?(/[^\s:]{1,400}\.[cm]?[jt]s):(\d{1,7})$")
_LIBRARY = re.compile(r"/(?:site|dist)-packages/|/lib/python3[\d.]*/")
_SERVES = re.compile(
    r"(?i)(?:running|listening|listens|started|serving|available|ready)\b[^\n]{0,40}?"
    r"(?:(https?://[\w.\-]{1,80}:\d{2,5})|port:? ?(\d{2,5})\b)"
)

_Rule = tuple[re.Pattern[str], Callable[[LastWords, re.Match[str]], str]]
_RULES: tuple[_Rule, ...] = (
    # What the starters of servers say.
    (
        re.compile(r"(?i)permission denied[^\n]{0,80}docker[^\n]{0,40}sock|docker\.sock[^\n]{0,80}permission denied"),
        _says("Your user may not use Docker: add it to the group `docker`, or run Docker rootless"),
    ),
    (
        re.compile(r"Cannot connect to the Docker daemon|(?i:docker daemon is not running)|(?i:podman machine start)"),
        _says("Start Docker: this server runs in a container"),
    ),
    (
        re.compile(
            r"pull access denied for ([^\s,]{1,200})|manifest for (\S{1,200}) not found"
            r"|Unable to find image '([^'\n]{1,200})'"
        ),
        _docker_image,
    ),
    (re.compile(r"'([^'\n]{1,200}?)@[^'\n]{0,80}' (?:could not be found|is not in this registry)"), _npm_package),
    (re.compile(r"404 Not Found - GET https?://[^/\s]{1,200}/(\S{1,200})"), _npm_package),
    (re.compile(r"No matching version found for (\S{1,200})"), _no_version),
    (
        re.compile(r"could not determine executable to run"),
        _says("The package has no command of its own name: name it, as in `npx -y -p PACKAGE COMMAND`"),
    ),
    (re.compile(r"Because (\S{1,200}) was not found in the package registry"), _pypi_package),
    (re.compile(r"there (?:is|are) no versions? of ([^\s,]{1,200})"), _no_version),
    (
        re.compile(r"does not provide any executables|executable named `[^`\n]{1,200}` is not provided by"),
        _says("The package has no command of that name: name both, as in `uvx --from PACKAGE COMMAND`"),
    ),
    # What does not fit together.
    (re.compile(r"(?i)requires? node(?:\.js)?,?(?: version)?:? *([<>=^~]{0,2} *v?\d{1,3}[\d.x+]{0,12})"), _needs_node),
    (
        re.compile(r"(?i)node(?:\.js)? (?:version )?v?(\d{1,3}[\d.]{0,10}\+?) or (?:higher|newer|later|above)"),
        _needs_node,
    ),
    (
        re.compile(
            r"SyntaxError: |ERR_UNKNOWN_BUILTIN_MODULE|No such built-in module|ERR_REQUIRE_ESM|Unsupported engine"
            r"|EBADENGINE|ReferenceError: \w{1,40} is not defined|TypeError: \S{1,60} is not a function"
        ),
        _old_node,
    ),
    (re.compile(r"current Python version \([^)\n]{1,40}\) does not satisfy Python([^\s,]{1,40})"), _python_version),
    (re.compile(r"(?i)requires python *([<>=~!]{0,2} *\d[\d.]{0,10})"), _python_version),
    (re.compile(r"ImportError: cannot import name '[^'\n]{1,100}' from '([\w.]{1,100})'"), _python_conflict),
    (re.compile(r"AttributeError: module '([\w.]{1,100})' has no attribute"), _python_conflict),
    (
        re.compile(r"site-packages/(mcp)/[^\n]{0,200}(?:\n[^\n]{0,300}){0,8}?\n(?:Type|Attribute)Error: "),
        _python_conflict,
    ),
    (
        re.compile(r"AttributeError: '(?:Server|FastMCP)' object has no attribute|No module named 'mcp\.[\w.]{1,100}'"),
        _says("It was written for another version of mcp: pin one, as in `uvx --with 'mcp<2' ...`, or update it"),
    ),
    # What is missing.
    (re.compile(r"No module named '?([\w.]{1,100})"), _python_module),
    (re.compile(r"Cannot find (?:module|package) '([^'\n]{1,300})'"), _node_module),
    (re.compile(r"can't open file '([^'\n]{1,300})'"), _no_file),
    (re.compile(r"spawn (\S{1,200}) ENOENT"), _no_program),
    (re.compile(r"(?m)(?:^|: )([^\s:]{1,200}): (?:command )?not found$"), _no_program),
    (re.compile(r"ENOENT: no such file or directory, \w{1,20} '([^'\n]{1,300})'"), _no_file),
    (re.compile(r"No such file or directory: '([^'\n]{1,300})'"), _no_file),
    (re.compile(r"EACCES: permission denied, \w{1,20} '([^'\n]{1,300})'"), _no_access),
    (re.compile(r"Permission denied: '([^'\n]{1,300})'"), _no_access),
    (re.compile(r"EADDRINUSE[^\n]{0,60}?:(\d{2,5})\b|EADDRINUSE|(?i:address already in use)"), _port_taken),
    (re.compile(r"KeyError: '([A-Z][A-Z0-9_]{2,60})'"), _variable),
    (
        re.compile(
            rf"\b{_VARIABLE}\b[\"'`]?,? (?i:environment variable )?"
            r"(?i:is|are|was|must|not|has|needs|required|missing)\b"
            r"(?i:[^\n]{0,40}?(?:required|set|missing|found|provided|undefined|defined|empty|configured))?"
        ),
        _variable,
    ),
    (
        re.compile(
            rf"(?i:missing|required?s?|set|provide|export|needs?|define|unset|undefined)[^\n.]{{0,60}}?\b{_VARIABLE}\b"
        ),
        _variable,
    ),
    # What its surroundings refuse.
    (
        re.compile(
            r"SELF_SIGNED_CERT|UNABLE_TO_(?:GET_ISSUER|VERIFY)|CERT_HAS_EXPIRED|CERTIFICATE_VERIFY_FAILED"
            r"|(?i:certificate verify failed|invalid peer certificate|unable to get (?:local )?issuer certificate"
            r"|self[- ]signed certificate)"
        ),
        _certificate,
    ),
    (
        re.compile(
            r"ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNREFUSED|ECONNRESET|ENETUNREACH|Temporary failure in name resolution"
            r"|Name or service not known|Failed to fetch: |error sending request|Could not resolve host"
            r"|Network is unreachable|tunnel error"
        ),
        _network,
    ),
    (
        re.compile(r"(?im)^usage: |unrecognized arguments|unknown (?:option|argument|command)|arguments are required"),
        _says("It does not understand its arguments: compare args of the entry with what it prints"),
    ),
)
