from __future__ import annotations

import subprocess
import sys

import pytest

from mcp_tui.core.uri_template import expand, required, variables


@pytest.mark.parametrize(
    ("template", "values", "uri"),
    [
        ("file:///{name}", {"name": "a b/ü"}, "file:///a%20b%2F%C3%BC"),
        ("file:///{+path}", {"path": "a/b c"}, "file:///a/b%20c"),
        ("x{?q,limit}", {"q": "a&b", "limit": "5"}, "x?q=a%26b&limit=5"),
        ("x{?q,limit}", {"limit": "5"}, "x?limit=5"),
        ("x{?q}", {}, "x"),
        ("x?fixed=1{&q}", {"q": "2"}, "x?fixed=1&q=2"),
        ("{/a,b}", {"a": "1", "b": "2"}, "/1/2"),
        ("x{.ext}{#frag}", {"ext": "md", "frag": "s/1"}, "x.md#s/1"),
        ("x{;a,b}", {"a": "1", "b": ""}, "x;a=1;b"),
        ("{name:3}{list*}", {"name": "abcdef", "list": "z"}, "abcz"),
        ("plain{", {}, "plain{"),
        ("docs://my files/é {x}%20 100%", {"x": "a"}, "docs://my%20files/%C3%A9%20a%20%20100%25"),
        ("x{+a}", {"a": "50% of%20it ü"}, "x50%25%20of%20it%20%C3%BC"),
        ("x{#a:3,a}", {"a": "ü b c"}, "x#%C3%BC%20b,%C3%BC%20b%20c"),
        ("{?a:2,a}", {"a": "ü b"}, "?a=%C3%BC%20&a=%C3%BC%20b"),
        ("{user-id}/{a.b}", {"user-id": "1", "a.b": "2"}, "1/2"),
        ("{a}", {"a": "\ud800"}, "%3F"),
        ("{}{+}{,}x", {}, "x"),
        ("{!a}{a=b}{a", {"a": "1"}, "{!a}{a=b}{a"),
    ],
)
def test_templates_expand_as_the_rfc_says(template: str, values: dict[str, str], uri: str) -> None:
    assert expand(template, values) == uri


def test_variables_are_named_once_and_query_ones_are_optional() -> None:
    template = "logs://{host}/{+path}{?tail,host}"
    assert variables(template) == ("host", "path", "tail")
    assert required(template) == {"host", "path"}


def test_hostile_templates_are_read_once_from_left_to_right() -> None:
    names = [f"v{number}" for number in range(20_000)]
    assert variables(f"x{{?{','.join(names)}}}") == tuple(names)
    assert len(expand(f"x{{?{','.join(names)}}}", dict.fromkeys(names, "1"))) == sum(map(len, names)) + 3 * 20_000 + 1
    assert expand("".join(f"{{{name}}}" for name in names), {"v7": "a"}) == "a"
    for broken in ("{" * 200_000, "{a" * 100_000, "}" * 200_000, "{" + "," * 200_000 + "}"):
        assert variables(broken) == ()
        assert expand(broken, {}) in (broken, "")
    assert expand(f"{{a:{'9' * 5_000}}}{{a:²}}", {"a": "x"}) == "xx"


def test_the_library_is_loaded_with_the_first_expansion() -> None:
    code = "import sys, mcp_tui.core.uri_template as t; t.variables('{a}'); print('uritemplate' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
