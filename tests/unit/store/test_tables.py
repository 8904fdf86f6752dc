from sqlalchemy import Float

from sluicegate.store.tables import metadata


def test_times_in_nanoseconds_and_money_are_integers() -> None:
    counted = [
        column for table in metadata.tables.values() for column in table.columns if column.name.endswith(("_ns", "nano_usd"))
    ]
    assert counted
    assert not any(isinstance(column.type, Float) for column in counted)


def test_every_constraint_has_a_name_that_a_migration_can_use() -> None:
    assert all(constraint.name for table in metadata.tables.values() for constraint in table.constraints)
