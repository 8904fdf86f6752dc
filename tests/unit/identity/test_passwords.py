"""Passwords are hashed with argon2id, and an unknown user costs the same."""

import asyncio

import pytest

from sluicegate.identity.passwords import MAX_BYTES, Passwords, generate


async def test_the_right_one_and_no_other() -> None:
    passwords = Passwords(memory_kib=64)
    stored = passwords.hash("näm\x00e")
    assert stored.startswith("$argon2id$")
    assert await passwords.verify(stored, "näm\x00e")
    for wrong in ("", "nam\x00e", "näm", "näm\x00e ", stored, "na\u0308m\x00e"):
        assert not await passwords.verify(stored, wrong)


async def test_an_unknown_user_is_never_right() -> None:
    passwords = Passwords(memory_kib=64)
    assert not await passwords.verify(None, "")
    assert not await passwords.verify("", "x")
    assert not await passwords.verify("not a hash", "not a hash")


async def test_a_long_one_is_wrong() -> None:
    passwords = Passwords(memory_kib=64)
    longest = "x" * MAX_BYTES
    assert await passwords.verify(passwords.hash(longest), longest)
    assert not await passwords.verify(passwords.hash(longest), longest + "x")
    with pytest.raises(ValueError, match="at most"):
        passwords.hash("é" * MAX_BYTES)


async def test_many_at_once() -> None:
    passwords = Passwords(memory_kib=64)
    stored = passwords.hash("x")
    assert await asyncio.gather(*(passwords.verify(stored, "xy"[n % 2]) for n in range(8))) == [True, False] * 4


async def test_half_a_surrogate_pair_is_a_wrong_password() -> None:
    passwords = Passwords(memory_kib=64)
    assert not await passwords.verify(passwords.hash("x"), "\ud800")


def test_generated_ones_differ() -> None:
    made = {generate() for _ in range(100)}
    assert len(made) == 100
    assert {len(password) for password in made} == {24}


def test_the_default_strength() -> None:
    assert "m=47104,t=1,p=1" in Passwords().hash("x")
