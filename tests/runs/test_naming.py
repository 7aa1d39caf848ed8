from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from mcp_tui.runs.naming import ToolNames, is_legal

LEGAL = re.compile(r"^[a-zA-Z_][a-zA-Z0-9_-]{0,63}$")
# Few letters, so that clashes after mapping are common; also what no provider takes.
names = st.one_of(
    st.text(alphabet="ab_.", min_size=0, max_size=4),
    st.text(min_size=0, max_size=8),
    st.text(alphabet="ab", min_size=60, max_size=70),
    st.text(alphabet=st.characters(exclude_categories=()), max_size=5),
)
pairs = st.tuples(names, names)


def named(*batches: list[tuple[str, str]]) -> ToolNames:
    result = ToolNames()
    for batch in batches:
        result.learn(batch)
    return result


def test_unique_legal_name_is_unchanged() -> None:
    assert named([("fs", "read-file"), ("db", "query")]).name("fs", "read-file") == "read-file"


def test_name_of_two_servers_is_qualified_for_both() -> None:
    names = named([("a", "add"), ("b", "add")])
    assert (names.name("a", "add"), names.name("b", "add")) == ("a__add", "b__add")


def test_illegal_name_is_mapped_and_found_again() -> None:
    names = named([("db", "query.all")])
    assert names.name("db", "query.all") == "db__query_all"
    assert names.tool("db__query_all") == ("db", "query.all")


def test_hostile_name_becomes_legal() -> None:
    names = named([("1\x1b]52;", "a[/x]b\u202e")])
    assert is_legal(names.name("1\x1b]52;", "a[/x]b\u202e"))


def test_long_names_with_one_beginning_stay_apart() -> None:
    long = "x" * 70
    names = named([("s", long + "1"), ("s", long + "2")])
    assert names.name("s", long + "1") != names.name("s", long + "2")
    assert len(names.name("s", long + "1")) == 64


def test_mapped_name_never_takes_the_plain_name_of_another_tool() -> None:
    names = named([("a", "b.c"), ("x", "a__b_c")])
    assert names.name("x", "a__b_c") == "a__b_c"
    assert names.tool(names.name("a", "b.c")) == ("a", "b.c")
    assert names.name("a", "b.c") != "a__b_c"


def test_server_and_tool_with_nul_bytes_stay_apart() -> None:
    names = named([("a\0b", "c"), ("a", "b\0c"), ("a_b", "c")])
    assert len({names.name(*key) for key in [("a\0b", "c"), ("a", "b\0c"), ("a_b", "c")]}) == 3


def test_server_that_arrives_later_renames_nothing() -> None:
    names = named([("a", "add")], [("a", "add"), ("b", "add")])
    assert names.name("a", "add") == "add"
    assert names.name("b", "add") == "b__add"


def test_unknown_name_is_no_tool() -> None:
    assert named([("a", "add")]).tool("sub") is None


@given(st.lists(pairs, max_size=30))
def test_names_are_legal_distinct_and_reversible(tools: list[tuple[str, str]]) -> None:
    names = named(tools)
    given_names = {key: names.name(*key) for key in tools}
    assert all(LEGAL.match(name) for name in given_names.values())
    assert len(set(given_names.values())) == len(given_names)
    assert all(names.tool(name) == key for key, name in given_names.items())


@given(st.lists(pairs, max_size=20).flatmap(lambda tools: st.tuples(st.just(tools), st.permutations(tools))))
def test_order_does_not_matter(both: tuple[list[tuple[str, str]], list[tuple[str, str]]]) -> None:
    first, second = named(both[0]), named(both[1])
    assert all(first.name(*key) == second.name(*key) for key in both[0])


@given(st.lists(pairs, max_size=15), st.lists(pairs, max_size=15))
def test_names_once_given_stay(before: list[tuple[str, str]], after: list[tuple[str, str]]) -> None:
    names = named(before)
    given_names = {key: names.name(*key) for key in before}
    names.learn(after)
    names.learn([])
    names.learn(before[::-1])
    assert all(names.name(*key) == name for key, name in given_names.items())
    everything = {names.name(*key) for key in (*before, *after)}
    assert len(everything) == len({*before, *after})
