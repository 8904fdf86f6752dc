from sluicegate.core.dialect import Form, Place, Span, SystemEdit


def test_an_edit_that_only_kept_the_clients_prompt_changed_nothing() -> None:
    assert not SystemEdit(appended=2).changed
    assert SystemEdit(injected=True).changed
    assert SystemEdit(dropped=1).changed


def test_a_span_is_text_unless_said() -> None:
    assert Span({}, "content", "x", Place.USER).form is Form.TEXT
