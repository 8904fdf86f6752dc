from sluicegate.dlp.channel import TextChannel
from sluicegate.dlp.findings import Action
from tests.support.guardrails import CARD, EMAIL, PEM, inspection

BY = inspection({"card": Action.REDACT, "private_key": Action.REDACT, "email": Action.ALERT})


def test_prose_is_hardly_held() -> None:
    channel = TextChannel(BY)
    channel.feed("The answer is forty-two, as ever")
    assert channel.length - channel.mark == len("ever")
    channel.feed(". ")
    assert channel.mark == channel.length
    assert channel.render(0, "The answer is forty-two, as ever") is None


def test_what_may_become_a_finding_is_held_and_no_more() -> None:
    channel = TextChannel(BY)
    channel.feed("Pay with 4111 1111 11")
    assert channel.mark == len("Pay with ")
    channel.feed("11 1111")
    assert channel.mark == len("Pay with ")
    channel.feed(".\nso ")
    assert channel.mark == channel.length
    assert channel.render(0, "Pay with 4111 1111 11") == "Pay with [CARD]"
    assert channel.render(21, "11 1111") == ""
    assert channel.render(28, ".\nso ") is None


def test_the_end_decides() -> None:
    channel = TextChannel(BY)
    channel.feed(CARD)
    assert channel.mark == 0
    channel.feed("", final=True)
    assert channel.render(0, CARD) == "[CARD]"


def test_a_long_key_leaves_as_it_comes_and_is_not_kept() -> None:
    channel = TextChannel(BY)
    text, widest = f"see {PEM} end. ", 0
    out = ""
    for at in range(0, len(text), 7):
        piece = text[at : at + 7]
        channel.feed(piece)
        widest = max(widest, channel.length - channel.mark, len(channel._window))
    channel.feed("", final=True)
    out = "".join(piece if (new := channel.render(at, piece)) is None else new for at, piece in _cut(text, 7))
    assert out == "see [PRIVATE_KEY] end. "
    assert widest < 300


def test_long_prose_is_not_kept_and_what_comes_after_it_is_found() -> None:
    channel = TextChannel(BY)
    for _ in range(200):
        channel.feed(" gateway")
        assert len(channel._window) < 300
        assert channel.length - channel.mark == len("gateway")
    channel.feed(f" {CARD}.\nso, ")
    assert sum(channel.ledger.counts.values()) == 1
    assert channel.render(1_600, f" {CARD}.\n") == " [CARD].\n"


def test_context_reaches_over_prose_that_was_not_scanned() -> None:
    def found(words: str) -> int:
        channel = TextChannel(inspection({"phone": Action.ALERT}))
        for word in [*words.split(), "0176", "123", "456", "78."]:
            channel.feed(f" {word}")
        channel.feed("", final=True)
        return sum(channel.ledger.counts.values())

    assert found("my phone number, as I said before, is") == 1
    assert found("my phone rings, and then it is so that for a long time nothing is said at all about it:") == 0


def test_an_alert_is_counted_once_however_often_it_is_looked_at() -> None:
    channel = TextChannel(BY)
    for char in f"to {EMAIL}, and {EMAIL} or":
        channel.feed(char)
    assert sum(channel.ledger.counts.values()) == 2
    assert channel.render(0, "to ") is None


def _cut(text: str, size: int) -> list[tuple[int, str]]:
    return [(at, text[at : at + size]) for at in range(0, len(text), size)]
