"""The architecture, held by failing checks; `lint-imports` holds the import directions beside them (see pyproject.toml).

What may break a rule is named below with its reason, and a test fails once an exception is no longer needed.
"""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "sluicegate"
UNIT = ROOT / "tests" / "unit"

LONGEST_FILE = 400
LONGEST_FUNCTION = 50

LONG_FILES: dict[str, str] = {}
"""`path` → why this file may be longer."""
LONG_FUNCTIONS: dict[str, str] = {}
"""`path:name` → why this function may be longer."""
WITHOUT_TWIN: dict[str, str] = {
    "__main__.py": "hands over to the command line, which tests/unit/cli runs",
}
"""`path` → why this file has no unit test of its own. `__init__.py` files and migrations need none: see `needs_twin`."""

FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "handler", "handlers", "misc"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_IMPORTS = {"pickle", "marshal", "shelve", "dill", "jsonpickle"}
UNSAFE_YAML = {"load", "load_all", "unsafe_load", "unsafe_load_all", "full_load", "full_load_all"}

HTTP_CLIENTS = {"httptools", "httpx", "aiohttp", "requests", "urllib3", "urllib.request", "http.client", "websockets"}
MAY_SPEAK_HTTP = {
    "web/protocol.py": "the HTTP server reads requests with it",
    "providers/": "the one place from which the gateway calls out",
}

DICT_WRITES = {"update", "setdefault", "pop", "popitem", "clear", "__setitem__", "__delitem__"}
SETTERS = {"setattr", "object.__setattr__"}

BROAD_EXCEPT = {"pipeline.py": "fails closed: a stage that breaks is a refusal"}


@cache
def modules() -> dict[str, ast.Module]:
    """Every source file by its path below `src/sluicegate`, parsed."""
    files = sorted(path for path in SOURCE.rglob("*.py") if "__pycache__" not in path.parts)
    return {path.relative_to(SOURCE).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in files}


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method, nested ones too."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def imported(tree: ast.AST) -> set[str]:
    """The names of all modules a file imports, and for `from a import b` also `a.b`."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def within(names: Iterable[str], roots: set[str]) -> set[str]:
    """Those names that are one of `roots` or lie below one."""
    return {name for name in names for root in roots if name == root or name.startswith(root + ".")}


def report(rule: str, found: Iterable[str]) -> None:
    """Fail with the rule and all that breaks it."""
    lines = sorted(found)
    assert not lines, rule + "\n  " + "\n  ".join(lines)


# --- the path is a folder ---------------------------------------------------------------------------------------------


def test_run_order_is_the_folder_listing() -> None:
    from sluicegate.app import STAGES

    listing = sorted(path.stem for path in (SOURCE / "stages").glob("s[0-9]*_*.py"))
    assert [stage.name for stage in STAGES] == listing, "sluicegate.app.STAGES and the files of stages/ differ"
    for stage in STAGES:
        assert stage.__module__.rsplit(".", 1)[-1] == stage.name, f"{stage.__qualname__} is named {stage.name} elsewhere"


def test_the_stages_folder_holds_stages_only() -> None:
    others = {path.name for path in (SOURCE / "stages").glob("*.py") if not path.name.startswith(("s", "__init__"))}
    report("stages/ holds stages only; what they share belongs to a subject package:", others)


def test_no_stage_is_missing() -> None:
    numbers = [int(path.stem.split("_", 1)[0][1:]) for path in sorted((SOURCE / "stages").glob("s[0-9]*_*.py"))]
    assert numbers == list(range(1, 10))


# --- size and shape ---------------------------------------------------------------------------------------------------


def test_files_are_short() -> None:
    lengths = {name: len((SOURCE / name).read_text(encoding="utf-8").splitlines()) for name in modules()}
    long = {name for name, length in lengths.items() if length > LONGEST_FILE}
    report(
        f"longer than {LONGEST_FILE} lines; split along a subject:",
        (f"{name}: {lengths[name]}" for name in long - LONG_FILES.keys()),
    )
    report("no longer an exception; take it off LONG_FILES:", LONG_FILES.keys() - long)


def test_functions_are_short() -> None:
    lengths = {
        f"{name}:{function.name}": (function.end_lineno or 0) - function.lineno + 1
        for name, tree in modules().items()
        for function in functions(tree)
    }
    long = {name for name, length in lengths.items() if length > LONGEST_FUNCTION}
    report(
        f"longer than {LONGEST_FUNCTION} lines:",
        (f"{name}: {lengths[name]}" for name in long - LONG_FUNCTIONS.keys()),
    )
    report("no longer an exception; take it off LONG_FUNCTIONS:", LONG_FUNCTIONS.keys() - long)


def test_every_module_says_what_it_is_for() -> None:
    report("without a docstring:", (name for name, tree in modules().items() if not ast.get_docstring(tree)))


def test_every_folder_is_a_package() -> None:
    folders = {Path(name).parent for name in modules()}
    report(
        "without __init__.py, so that import-linter cannot see it:",
        (str(folder) for folder in folders if not (SOURCE / folder / "__init__.py").exists()),
    )


def test_names_say_something() -> None:
    parts = {(name, part) for name in modules() for part in Path(name).with_suffix("").parts}
    report("a name that says nothing of its subject:", (name for name, part in parts if part in FORBIDDEN_NAMES))


def needs_twin(name: str) -> bool:
    """Packages' `__init__.py` hold a docstring, and migrations are tested as one by the schema's own test."""
    return Path(name).name != "__init__.py" and "migrations" not in Path(name).parts


def twin(name: str) -> Path:
    """Where the unit test of a source file stands."""
    path = Path(name)
    return UNIT / path.parent / f"test_{path.name}"


def test_every_source_file_has_its_unit_test() -> None:
    names = {name for name in modules() if needs_twin(name)}
    report(
        "without a unit test:",
        (f"{name} wants {twin(name).relative_to(ROOT)}" for name in names - WITHOUT_TWIN.keys() if not twin(name).exists()),
    )
    report(
        "no longer an exception; take it off WITHOUT_TWIN:",
        (name for name in WITHOUT_TWIN if name not in names or twin(name).exists()),
    )


def test_every_package_init_is_bare() -> None:
    """What `needs_twin` relies on."""
    inits = ((name, tree) for name, tree in modules().items() if name.endswith("__init__.py"))
    report("code in __init__.py, which has no unit test:", (name for name, tree in inits if list(functions(tree))))


# --- what no file may do ----------------------------------------------------------------------------------------------


def broad(tree: ast.Module) -> Iterator[int]:
    """The lines that catch everything and may keep it.

    `except BaseException:` whose last statement is a bare `raise` is a clean-up that also runs on cancellation. It swallows
    nothing, so it is allowed; a `return` on the way would swallow, so there must be none.
    """
    for node in ast.walk(tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        kinds = [ast.unparse(k) if k else "" for k in (node.type.elts if isinstance(node.type, ast.Tuple) else [node.type])]
        leaves = any(isinstance(inner, ast.Return | ast.Break | ast.Continue) for inner in ast.walk(node))
        last = node.body[-1]
        cleans_up = kinds == ["BaseException"] and isinstance(last, ast.Raise) and last.exc is None and not leaves
        if not cleans_up and not {"", "Exception", "BaseException"}.isdisjoint(kinds):
            yield node.lineno


def test_broad_excepts_stand_in_the_pipeline_only() -> None:
    found = {(name, line) for name, tree in modules().items() for line in broad(tree)}
    report(
        "catches everything; name what can go wrong (only the pipeline fails closed on anything):",
        (f"{name}:{line}" for name, line in found if name not in BROAD_EXCEPT),
    )
    assert {name for name, _ in found} >= BROAD_EXCEPT.keys(), "the pipeline no longer fails closed"


def _safely(load: ast.Call) -> bool:
    """Whether the loader is PyYAML's safe one, which is also written in C."""
    return any(given.arg == "Loader" and ast.unparse(given.value) in ("SafeLoader", "CSafeLoader") for given in load.keywords)


def test_nothing_runs_data_as_code() -> None:
    found = []
    for name, tree in modules().items():
        found += [f"{name}: imports {module}" for module in within(imported(tree), FORBIDDEN_IMPORTS)]
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            if isinstance(node.func, ast.Name) and node.func.id in FORBIDDEN_CALLS:
                found.append(f"{name}:{node.lineno}: {node.func.id}")
            elif ast.unparse(node.func) in {f"yaml.{loader}" for loader in UNSAFE_YAML} and not _safely(node):
                found.append(f"{name}:{node.lineno}: {ast.unparse(node.func)}, which is not safe_load")
    report("runs data as code:", found)


def test_only_providers_and_the_server_speak_http() -> None:
    speaking = {name: within(imported(tree), HTTP_CLIENTS) for name, tree in modules().items()}
    report(
        "speaks HTTP; calls leave through providers/, where timeouts, bounds and TLS are:",
        (
            f"{name}: {', '.join(used)}"
            for name, used in speaking.items()
            if used and not name.startswith(tuple(MAY_SPEAK_HTTP))
        ),
    )
    unused = (
        place for place in MAY_SPEAK_HTTP if not any(used and name.startswith(place) for name, used in speaking.items())
    )
    report("no longer an exception; take it off MAY_SPEAK_HTTP:", unused)


@pytest.mark.parametrize("name", ["entry", "merkle", "verify"])
def test_an_auditor_can_read_the_verifier_alone(name: str) -> None:
    """`lint-imports` follows the imports; this one holds what stands in the files themselves."""
    ours = within(imported(modules()[f"audit/{name}.py"]), {"sluicegate"})
    allowed = within(ours, {"sluicegate.audit", "sluicegate.core"})
    report(f"audit/{name}.py imports more than the log's own format:", ours - allowed)


# --- written once -----------------------------------------------------------------------------------------------------


def once() -> dict[str, str]:
    """The once-written values of an exchange and the stage that writes each."""
    found = {}
    for node in ast.walk(modules()["core/exchange.py"]):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Subscript):
            target, (writer,) = node.targets[0], node.value.args
            if (
                ast.unparse(node.value.func.value) == "Once"
                and isinstance(target, ast.Name)
                and isinstance(writer, ast.Constant)
            ):
                found[target.id] = str(writer.value)
    assert found, "core/exchange.py declares no Once value that this test can read"
    return found


def exchange_names(tree: ast.Module) -> set[str]:
    """The names under which a file's functions hold an exchange."""
    arguments = (argument for node in functions(tree) for argument in (*node.args.args, *node.args.kwonlyargs))
    return {"exchange"} | {a.arg for a in arguments if a.annotation and ast.unparse(a.annotation).strip("'\"") == "Exchange"}


def writes(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Every attribute of an exchange that a file assigns, with its line; ways around an assignment count as `*`."""
    names = exchange_names(tree)

    def holds(node: ast.expr) -> bool:
        return (isinstance(node, ast.Name) and node.id in names) or (
            isinstance(node, ast.Attribute) and node.attr.lstrip("_") == "exchange"
        )

    def is_dict(node: ast.expr) -> bool:
        return isinstance(node, ast.Attribute) and node.attr == "__dict__" and holds(node.value)

    def goes_around(node: ast.expr) -> bool:
        if isinstance(node, ast.Subscript):
            return is_dict(node.value) and not isinstance(node.ctx, ast.Load)
        if isinstance(node, ast.Attribute):
            return is_dict(node.value) and node.attr in DICT_WRITES
        return isinstance(node, ast.Call) and ast.unparse(node.func) in SETTERS and holds(node.args[0])

    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and holds(node.value) and not isinstance(node.ctx, ast.Load):
            yield node.attr, node.lineno
        elif isinstance(node, ast.expr) and goes_around(node):
            yield "*", node.lineno


def home(writer: str) -> str:
    """The file that a `Once` names."""
    return "pipeline.py" if writer == "pipeline" else f"stages/{writer}.py"


def test_what_a_stage_learns_is_written_by_that_stage_alone() -> None:
    values = once()
    wrong = [
        f"{name}:{line}: {value}, which {values.get(value, 'nobody')} writes"
        for name, tree in modules().items()
        for value, line in writes(tree)
        if value == "*" or (value in values and name != home(values[value]))
    ]
    report("writes what another stage learns:", wrong)


def test_what_is_declared_once_is_written() -> None:
    trees = modules()
    missing = [
        f"{value} is not written in {home(writer)}"
        for value, writer in once().items()
        if home(writer) not in trees or value not in {written for written, _ in writes(trees[home(writer)])}
    ]
    report("declared and never written by its stage:", missing)


# --- the checks themselves --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("exchange.grant = 1", {"grant"}),
        ("self._exchange.cost += 1", {"cost"}),
        ("def f(e: Exchange) -> None:\n    e.route, e.target = 1, 2", {"route", "target"}),
        ("setattr(exchange, name, 1)", {"*"}),
        ("exchange.__dict__['cost'] = 1", {"*"}),
        ("exchange.__dict__.update(cost=1)", {"*"}),
        ("exchange.__dict__.get('cost')", set()),
        ("other.cost = exchange.cost", set()),
    ],
)
def test_writes_are_seen(source: str, found: set[str]) -> None:
    assert {name for name, _ in writes(ast.parse(source))} == found


@pytest.mark.parametrize(
    ("handler", "seen"),
    [
        ("except Exception:\n    raise", True),
        ("except:\n    raise", True),
        ("except (ValueError, BaseException):\n    raise", True),
        ("except BaseException:\n    close()", True),
        ("except BaseException as error:\n    raise Other from error", True),
        ("except BaseException:\n    if done:\n        return\n    raise", True),
        ("except BaseException:\n    close()\n    raise", False),
        ("except ValueError:\n    pass", False),
    ],
)
def test_broad_excepts_are_seen(handler: str, seen: bool) -> None:
    tree = ast.parse("def f():\n    try:\n        work()\n" + "\n".join("    " + line for line in handler.splitlines()))
    assert bool(list(broad(tree))) is seen


def test_imports_are_seen() -> None:
    tree = ast.parse("import pickle as p\nfrom urllib import request\nfrom http.client import HTTPConnection")
    assert within(imported(tree), FORBIDDEN_IMPORTS | HTTP_CLIENTS) == {
        "pickle",
        "urllib.request",
        "http.client",
        "http.client.HTTPConnection",
    }
