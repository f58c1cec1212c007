"""No file is longer than 300 lines, no function than 40: CONTRIBUTING says so, ruff holds their complexity."""

import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
OURS = ("ospi_supervisor", "jobs", "demo", "benchmarks", "distribution", "tests", "wsgi.py")
NOT_OURS = "node_modules"
FILE_LINES, FUNCTION_LINES, USUAL_LINES = 300, 40, 8


def modules() -> Iterator[Path]:
    for name in OURS:
        found = [ROOT / name] if name.endswith(".py") else (ROOT / name).rglob("*.py")
        yield from (module for module in found if NOT_OURS not in module.relative_to(ROOT).parts)


def functions(module: Path) -> Iterator[tuple[str, int]]:
    """Each function's place and its lines, docstring and blank ones included."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{module.relative_to(ROOT)}:{node.lineno} {node.name}", (node.end_lineno or 0) - node.lineno + 1


def test_files_and_functions_stay_short() -> None:
    texts = {module: module.read_text(encoding="utf-8") for module in modules()}
    assert [str(module) for module, text in texts.items() if text.count("\n") > FILE_LINES] == []
    found = [place for module in texts for place in functions(module)]
    assert [(place, lines) for place, lines in found if lines > FUNCTION_LINES] == []
    assert median(lines for _, lines in found) <= USUAL_LINES
