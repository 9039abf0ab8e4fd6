"""The edge function stays inside what AWS documents for JavaScript runtime 2.0, whatever the tests' engines can do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest
import tree_sitter_javascript
from support.edge import SOURCE
from tree_sitter import Language, Node, Parser

# ES 5.1, and of later editions: const, let, template literals, arrow functions, async functions, import of its modules.
SYNTAX: Final = {
    *("program", "comment", "identifier", "property_identifier", "import_statement", "import_clause"),
    *("string", "string_fragment", "escape_sequence", "number", "regex", "regex_pattern", "regex_flags"),
    *("null", "undefined", "true", "false", "array", "object", "pair", "template_string", "template_substitution"),
    *("lexical_declaration", "variable_declarator", "function_declaration", "formal_parameters", "arrow_function"),
    *("expression_statement", "if_statement", "else_clause", "for_statement", "return_statement", "throw_statement"),
    *("try_statement", "catch_clause", "statement_block", "await_expression", "call_expression", "arguments"),
    *("member_expression", "subscript_expression", "parenthesized_expression", "assignment_expression"),
    *("augmented_assignment_expression", "binary_expression", "ternary_expression", "unary_expression"),
    "update_expression",
}
OPERATORS_OF_LATER_EDITIONS: Final = {"??", "?.", "??=", "||=", "&&=", "..."}
CALLED: Final = {
    *("kvs", "get", "exists"),  # cloudfront
    *("createHmac", "update", "digest"),  # crypto
    *("from", "toString"),  # Buffer
    *("exec", "test"),  # RegExp
    *("charCodeAt", "indexOf", "replace", "slice", "split", "toLowerCase"),  # String, ES 5.1
    *("filter", "join", "push", "some"),  # Array, ES 5.1
    *("floor", "min", "now", "parse", "stringify"),  # Math, Date, JSON
}
MODULES: Final = {"cloudfront": "cf", "crypto": "crypto"}


def nodes(source: bytes) -> list[Node]:
    parser = Parser(Language(tree_sitter_javascript.language()))

    def walk(node: Node) -> Iterator[Node]:
        yield node
        for child in node.children:
            yield from walk(child)

    return list(walk(parser.parse(source).root_node))


def text(node: Node | None) -> str:
    assert node is not None
    assert node.text is not None
    return node.text.decode()


def is_inside(node: Node, kind: str) -> bool:
    while node.parent is not None:
        node = node.parent
        if node.type == kind:
            return True
    return False


def offences(source: bytes) -> set[str]:
    found: set[str] = set()
    for node in nodes(source):
        kind = node.type
        if node.is_error or (node.is_named and kind not in SYNTAX):
            found.add(kind)
        if not node.is_named and kind in OPERATORS_OF_LATER_EDITIONS:
            found.add(kind)
        if kind == "await_expression" and is_inside(node, "arguments"):
            found.add("await in an argument")
        if kind == "async" and (node.parent is None or node.parent.parent is None or node.parent.parent.parent):
            found.add("async closure")
        if kind == "call_expression":
            called = node.child_by_field_name("function")
            if called is not None and called.type == "member_expression":
                name = text(called.child_by_field_name("property"))
                found |= {name} - CALLED
        if kind == "import_statement":
            name = text(node.child_by_field_name("source")).strip("'")
            if name not in MODULES or MODULES[name] not in text(node):
                found.add(f"import of {name}")
    return found


def test_it_uses_nothing_that_the_runtime_lacks() -> None:
    assert offences(SOURCE.read_bytes()) == set()


@pytest.mark.parametrize(
    ("line", "offence"),
    [
        ("const { a } = b;", "object_pattern"),
        ("const a = [...b];", "spread_element"),
        ("for (const a of b) { c(a); }", "for_in_statement"),
        ("class A {}", "class_declaration"),
        ("const a = b ?? c;", "??"),
        ("const a = b?.c;", "optional_chain"),
        ("function a(b = 1) { return b; }", "assignment_pattern"),
        ("const a = { b };", "shorthand_property_identifier"),
        ("async function a() { b(await c); }", "await in an argument"),
        ("function a() { return async function () { return 1; }; }", "async closure"),
        ("const a = 'b'.replaceAll('b', 'c');", "replaceAll"),
        ("setTimeout(", "ERROR"),
        ("import fs from 'fs';", "import of fs"),
    ],
)
def test_the_check_sees(line: str, offence: str) -> None:
    assert offence in offences(line.encode())


def test_the_function_fits() -> None:
    assert len(SOURCE.read_bytes()) <= 10_000
