import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.dlp.strict_yaml import MAX_DEPTH, read_strict_yaml

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab -:{}[]&*'\"#\n"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc~1"), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_written_is_read(value: object) -> None:
    assert read_strict_yaml(yaml.safe_dump(value).encode()) == value


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("a: {b: 1}\na: {}\n", "has already.*line 2"),
        ("a: {b: 1, c: {}, b: 2}\n", "has already"),
        ("a: 1\n'a': 2\n", "has already"),
        ("- {a: 1, !!str a: 2}\n", "has already"),
        ("a: " + "[" * 200_000, f"more than {MAX_DEPTH} levels"),
        ("a: " + "{a: " * 100_000 + "1" + "}" * 100_000, f"more than {MAX_DEPTH} levels"),
        ("- " * 50_000 + "a", f"more than {MAX_DEPTH} levels"),
        ("a: &a [*a]", "holds itself"),
        ("a: &a {b: [*a]}", "holds itself"),
        ("a: 2020-99-99", "does not allow"),
        ("a: !!int b", "does not allow"),
        ("a: !!float b", "does not allow"),
        ("a: !!bool b", "does not allow"),
        ("a: !!timestamp b", "does not allow"),
        ("a: " + "9" * 10_000, "does not allow"),
        ("a: !!python/object/apply:os.system [id]", "constructor"),
        ("a: *b", "undefined alias"),
        ("a: [", "did not find"),
    ],
)
def test_what_cannot_be_meant_is_refused(content: str, problem: str) -> None:
    with pytest.raises(yaml.YAMLError, match=f"(?s){problem}") as caught:
        read_strict_yaml(content.encode())
    assert not isinstance(caught.value, ValueError)


@pytest.mark.parametrize("form", ["&{0} [{1}]", "&{0} {{<<: [{1}]}}"])
def test_laughs_are_counted(form: str) -> None:
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{n}: " + form.format(f"a{n}", ",".join([f"*a{n - 1}"] * 9)) for n in range(1, 30)]
    with pytest.raises(yaml.YAMLError, match="more than"):
        read_strict_yaml("\n".join(lines).encode())


def test_an_alias_may_repeat_what_stands_above() -> None:
    assert read_strict_yaml(b"a: &a {x: 1}\nb: *a\nc: {<<: *a, y: 2}\n") == {
        "a": {"x": 1},
        "b": {"x": 1},
        "c": {"x": 1, "y": 2},
    }
