"""What may be changed in a module: each mutant is one small fault, such as a hand slips or a merge makes."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
CALCULATED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
}
SPOKEN = ("logger", "logging", "click")
"""Calls on these only tell: nobody is asked to test the words of a log."""


@dataclass(frozen=True)
class Mutant:
    """`new` in place of the bytes `start` to `end` of the module, which begin at `line` and end at `last`."""

    start: int
    end: int
    line: int
    last: int
    old: str
    new: str

    def applied(self, source: bytes) -> bytes:
        """The module with this fault."""
        return source[: self.start] + self.new.encode() + source[self.end :]


def mutants_of(source: bytes) -> list[Mutant]:
    """Every mutant of a module, in its order."""
    offsets = [0]
    for line in source.splitlines(keepends=True):
        offsets.append(offsets[-1] + len(line))
    found = []
    for node, new in _changes(ast.parse(source)):
        start = offsets[node.lineno - 1] + node.col_offset
        end = offsets[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        old = source[start:end].decode()
        found.append(Mutant(start, end, node.lineno, node.end_lineno or node.lineno, old, new))
    return sorted(set(found), key=lambda mutant: (mutant.start, mutant.end, mutant.new))


Located = ast.expr | ast.stmt


def _changes(tree: ast.AST) -> Iterator[tuple[Located, str]]:
    """Nodes with what may stand in their place. Text inside of strings, and types, are left as they are."""
    for name, value in ast.iter_fields(tree):
        if name in ("annotation", "returns", "decorator_list", "bases"):
            continue
        for node in value if isinstance(value, list) else [value]:
            if isinstance(node, ast.AST) and not isinstance(node, ast.JoinedStr):
                if isinstance(node, ast.stmt):
                    yield from _of_statement(node)
                elif isinstance(node, ast.expr):
                    yield from _of_expression(node)
                yield from _changes(node)


def _of_statement(node: ast.stmt) -> Iterator[tuple[Located, str]]:
    if _may_be_left_out(node):
        yield node, "pass"
    elif isinstance(node, ast.Return) and not (node.value is None or _is_constant(node.value)):
        yield node, "return None"
    elif isinstance(node, ast.If | ast.While):
        yield node.test, f"not ({ast.unparse(node.test)})"


def _may_be_left_out(node: ast.stmt) -> bool:
    """Without it the module still runs: what gives a name its first value may not, for that is noticed at once."""
    match node:
        case ast.Expr(value=ast.Call() as call):
            return not _only_tells(call)
        case ast.Assign(targets=targets):
            return not any(isinstance(target, ast.Name | ast.Tuple) for target in targets)
    return isinstance(node, ast.AugAssign | ast.Raise | ast.Delete)


def _of_expression(node: ast.expr) -> Iterator[tuple[Located, str]]:
    match node:
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            yield node, _in_brackets(ast.Compare(left=left, ops=[COMPARED[type(op)]()], comparators=[right]))
        case ast.BoolOp(op=op, values=values):
            other = ast.Or() if isinstance(op, ast.And) else ast.And()
            yield node, _in_brackets(ast.BoolOp(op=other, values=values))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield node, _in_brackets(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in CALCULATED and not _is_text(left, right):
            yield node, _in_brackets(ast.BinOp(left=left, op=CALCULATED[type(op)](), right=right))
        case ast.Constant(value=bool() as value):
            yield node, str(not value)
        case ast.Constant(value=int() | float() as value):
            yield node, repr(value + 1)
        case ast.IfExp(test=test):
            yield test, f"(not ({ast.unparse(test)}))"


def _in_brackets(node: ast.expr) -> str:
    return f"({ast.unparse(node)})"


def _is_constant(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _is_text(*nodes: ast.expr) -> bool:
    return any(isinstance(node, ast.JoinedStr) or isinstance(getattr(node, "value", None), str) for node in nodes)


def _only_tells(call: ast.Call) -> bool:
    function = call.func
    return isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id in SPOKEN
