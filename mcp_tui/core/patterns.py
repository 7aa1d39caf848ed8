"""What a regular expression from outside may cost at worst: only what is provably cheap is run.

`re` backtracks, and keeps the interpreter while it does. The cost is an upper bound of its steps: of every part, how
often it may be entered and in how many ways it may be left. Where the next character alone decides what comes next,
as in `^[a-z0-9]+(?:-[a-z0-9]+)*$`, there is nothing to go back to, and one pass is all.
"""

from __future__ import annotations

import importlib
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

MAX_PATTERN_WORK = 2_000_000
"""Steps of the matcher on one text, about 10 ns each."""
MAX_PATTERN_CHARS = 2_000
_MAX_SET_CHARS = 200_000
"""In all ranges of a pattern: some are looked at one by one when it is compiled."""
_MAX_NESTING = 8
_ENDLESS = 1 << 60
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
_OTHERS = 1 << 128
"""In a set of characters, which has a bit for each of ASCII: all the others."""
_ALL = (1 << 129) - 1

_Parsed: TypeAlias = Any
"""`re._parser.SubPattern`: a sequence of (name of the operation, what it takes)."""


@dataclass(frozen=True, slots=True)
class Pattern:
    compiled: re.Pattern[str] | None
    """None: it is no pattern that can be run here."""
    wrong: bool = False
    """It is no pattern of Python's."""
    longest: int = -1
    """Characters of the longest text on which it is cheap; -1: none."""
    endless: bool = False
    """What it costs on a longer one grows without measure."""
    set_chars: int = 0
    """Compiling it cost time in proportion."""
    doublings: tuple[int, ...] = ()
    """Steps at most on texts of less than 1, 2, 4 ... characters, up to `longest`."""

    def steps(self, length: int) -> int:
        """At most, on a text no longer than `longest`."""
        return self.doublings[min(length.bit_length(), len(self.doublings) - 1)]

    def fault(self, length: int) -> str:
        """Why it is not run on a text of this length, or ""."""
        if self.compiled is None:
            return "it is no pattern that can be run here"
        if length <= self.longest:
            return ""
        return "it can take for ever on some texts" if self.endless else "it is too costly for a text of this length"


def pattern_fault(pattern: str, length: int) -> str:
    """Why a pattern is not run on a text of this length, or "": it is no Python pattern, or it may never end."""
    return judged(pattern).fault(length)


@lru_cache(maxsize=256)
def judged(pattern: str) -> Pattern:
    """Never raises. Up to some milliseconds."""
    # There is no public way to the parsed form; the module exists from 3.11 on.
    parser: Any = importlib.import_module("re._parser")
    try:
        if len(pattern) > MAX_PATTERN_CHARS:
            return Pattern(None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about spellings that later versions of Python read differently
            tree = parser.parse(pattern)
            set_chars = _set_chars(tree)
            compiled = re.compile(pattern) if set_chars <= _MAX_SET_CHARS else None
        endless = _endless(tree)
        one_pass = 2 * _nodes(tree) if _decided(tree, compiled) else _ENDLESS
    except re.error:
        return Pattern(None, wrong=True)
    except (RecursionError, OverflowError):
        return Pattern(None)
    flags = compiled.flags if compiled is not None else 0
    first = tuple(tree)[:1]
    anchored = bool(first) and str(first[0][0]) == "AT" and not flags & re.MULTILINE and "BEGINNING" in str(first[0][1])

    def steps(length: int) -> int:
        once = min(_cost(tree, length)[0], one_pass * (length + 1))
        return once * (1 if anchored else length + 1) + length

    low, high = -1, MAX_PATTERN_WORK
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if steps(middle) <= MAX_PATTERN_WORK else (low, middle - 1)
    doublings = tuple(steps(min((1 << power) - 1, low)) for power in range(max(low, 0).bit_length() + 1))
    return Pattern(compiled, longest=low, endless=endless, set_chars=set_chars, doublings=doublings)


# --- the parsed form


def _bodies(name: str, argument: Any) -> Sequence[_Parsed]:
    """The patterns inside one part."""
    match name:
        case "BRANCH":
            return argument[1]
        case "ATOMIC_GROUP":
            return (argument,)
        case "GROUPREF_EXISTS":
            return tuple(body for body in argument[1:] if body is not None)
        case "SUBPATTERN" | "ASSERT" | "ASSERT_NOT":
            return (argument[-1],)
        case _:
            return (argument[2],) if name in _REPEATS else ()


def _nodes(tree: _Parsed) -> int:
    return sum(1 + sum(_nodes(body) for body in _bodies(str(name), argument)) for name, argument in tree)


def _set_chars(tree: _Parsed) -> int:
    total = 0
    for name, argument in tree:
        if str(name) == "IN":
            total += sum(min(what[1] - what[0], 1 << 16) for kind, what in argument if str(kind) == "RANGE")
        total += sum(_set_chars(body) for body in _bodies(str(name), argument))
    return total


def _endless(tree: _Parsed, inside: bool = False) -> bool:
    """An open repeat holds another repeat or an alternative."""
    for part, argument in tree:
        name = str(part)
        many = name in _REPEATS and int(argument[1]) - int(argument[0]) > 20
        if inside and (name in ("BRANCH", "GROUPREF") or (name in _REPEATS and int(argument[1]) > 1)):
            return True
        if any(_endless(body, inside or many) for body in _bodies(name, argument)):
            return True
    return False


# --- what backtracking costs


def _cost(tree: _Parsed, length: int) -> tuple[int, int]:
    """(steps when it is entered once, ways to leave it) at most, on a text of this length."""
    steps, ways = 0, 1
    for name, argument in tree:
        part_steps, part_ways = _part_cost(str(name), argument, length)
        steps = min(steps + ways * part_steps, _ENDLESS)
        ways = min(ways * part_ways, _ENDLESS)
    return steps, ways


def _part_cost(name: str, argument: Any, length: int) -> tuple[int, int]:
    costs = [_cost(body, length) for body in _bodies(name, argument)]
    steps, ways = 1 + sum(cost[0] for cost in costs), max(1, sum(cost[1] for cost in costs))
    if name in _REPEATS:
        low, high, body = argument
        turns = min(int(high), length // max(1, body.getwidth()[0]) + 1)
        if ways == 1:
            steps, ways = turns * steps, max(1, turns - int(low) + 1)
        else:
            # Each turn can be left in several ways, and each of them leads to another turn.
            entries = _ENDLESS if turns * (ways.bit_length() - 1) > 60 else min(ways ** (turns + 1), _ENDLESS)
            steps, ways = min(entries * steps, _ENDLESS), entries
    elif name == "GROUPREF":
        steps = length + 1
    elif name == "GROUPREF_EXISTS":
        ways += 1
    # These are never entered again from behind.
    atomic = name in ("ASSERT", "ASSERT_NOT", "ATOMIC_GROUP", "POSSESSIVE_REPEAT")
    return steps, 1 if atomic else ways


# --- where the next character decides


class _UndecidedError(Exception):
    pass


def _decided(tree: _Parsed, compiled: re.Pattern[str] | None) -> bool:
    if compiled is None or compiled.flags & re.IGNORECASE:
        return False
    try:
        _first(tree, 0)
    except _UndecidedError:
        return False
    return True


def _first(tree: _Parsed, after: int, depth: int = 0) -> int:
    """The characters with which the sequence, or what follows it, can begin.

    after: those of what follows. _UndecidedError where one character leaves a choice.
    """
    if depth > _MAX_NESTING:
        raise _UndecidedError
    for name, argument in reversed(tuple(tree)):
        after = _part_first(str(name), argument, after, depth + 1)
    return after


def _part_first(name: str, argument: Any, after: int, depth: int) -> int:
    if name in _REPEATS:
        low, high, body = argument
        if body.getwidth()[0] == 0:
            raise _UndecidedError
        # A body is never empty: what follows it has no part in how it begins.
        begins = _first(body, 0, depth)
        if high > 1:
            _first(body, begins | after, depth)
        else:
            _first(body, after, depth)
        if low != high and begins & after:
            raise _UndecidedError
        return begins if low else begins | after
    match name:
        case "AT":
            return after
        case "SUBPATTERN" if not (argument[1] or argument[2]):
            return _first(argument[3], after, depth)
        case "BRANCH":
            together = 0
            for body in argument[1]:
                begins = _first(body, after, depth)
                if begins & together:
                    raise _UndecidedError
                together |= begins
            return together
        case "LITERAL" | "NOT_LITERAL" | "ANY" | "IN":
            return _set(name, argument)
        case _:
            raise _UndecidedError


def _set(name: str, argument: Any) -> int:
    match name:
        case "LITERAL":
            return 1 << argument if argument < 128 else _OTHERS
        case "NOT_LITERAL":
            return _ALL & ~_set("LITERAL", argument) | _OTHERS
        case "RANGE":
            low, high = argument
            inside = ((1 << (min(high, 127) + 1)) - 1) & ~((1 << low) - 1) if low < 128 else 0
            return inside | (_OTHERS if high > 127 else 0)
        case "CATEGORY":
            return _category(str(argument))
        case "IN":
            members = [(str(kind), what) for kind, what in argument]
            together = 0
            for kind, what in members:
                together |= 0 if kind == "NEGATE" else _set(kind, what)
            return (_ALL & ~together | _OTHERS) if members[0][0] == "NEGATE" else together
        case _:
            return _ALL


@lru_cache(maxsize=16)
def _category(name: str) -> int:
    letter = {"DIGIT": "d", "SPACE": "s", "WORD": "w"}[name.rpartition("_")[2]]
    letter = letter.upper() if "_NOT_" in name else letter
    return _OTHERS | sum(1 << code for code in range(128) if re.match(rf"\{letter}", chr(code)))
