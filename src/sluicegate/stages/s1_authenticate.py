"""Whose key is this? Sets `exchange.grant`, or refuses."""

import time
from collections.abc import Callable
from hashlib import sha256

from sluicegate.core.decision import ALLOWED, Decision, Reason, Verdict, deny
from sluicegate.core.exchange import Exchange
from sluicegate.core.identity import Grant
from sluicegate.core.stage import Passive
from sluicegate.identity.credentials import find, own
from sluicegate.identity.keyring import KeyRing
from sluicegate.identity.keys import LENGTH, digest, well_formed


class Authenticate(Passive):
    """Finds the grant of the caller's virtual key.

    Refuses with NO_CREDENTIAL (401); ADMIN_CREDENTIAL, KEY_MALFORMED, KEY_UNKNOWN, KEY_REVOKED, KEY_EXPIRED,
    OWN_CREDENTIAL_NOT_ALLOWED (403). Of a client's own credential the decision holds the SHA-256.
    """

    name = "s1_authenticate"

    def __init__(self, keyring: KeyRing, clock: Callable[[], float] = time.time) -> None:
        self._keyring = keyring
        self._clock = clock

    async def admit(self, exchange: Exchange) -> Decision:
        """Admit a caller whose key is known and valid now."""
        text = find(exchange.arrival.headers)
        if isinstance(text, Reason):
            return deny(text)
        if len(text) != LENGTH:
            return deny(Reason.KEY_MALFORMED)
        name = digest(text)
        now = self._clock()
        found = self._keyring.known(name, now)
        if found is None:
            # only what was loaded is known, and only a well-formed key is loaded: the checksum is worked out once per key
            found = await self._keyring.load(name, now) if well_formed(text) else Reason.KEY_MALFORMED
        if not isinstance(found, Grant):
            return deny(found)
        exchange.grant = found
        shown = own(exchange.arrival.headers)
        if not shown:
            return ALLOWED
        if not found.use_case.own_credentials:
            return deny(Reason.OWN_CREDENTIAL_NOT_ALLOWED, use_case=found.use_case.name)
        exchange.own_credential = True
        return Decision(Verdict.ALLOW, Reason.ALLOWED, {"own_credential": sha256(shown.encode()).hexdigest()})
