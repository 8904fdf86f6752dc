"""Signed checkpoints: C2SP tlog-checkpoint as a C2SP signed note with an Ed25519 key.

A note is three lines (origin, tree size, root hash in base64), an empty line, and `— name base64(key id || signature)`.
A verifier key is `name+hex(key id)+base64(0x01 || public key)`, where the key id is the first four bytes of
SHA-256(name || "\n" || 0x01 || public key). Needs the standard library and `cryptography` only.
"""

import os
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

ED25519 = b"\x01"
_DASH = "\u2014 "


class NoteInvalid(Exception):
    """A note, a key or a signature is not what it should be; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log's signature vouches for: the tree of its first `size` entries has this root."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The signed text, which ends in a newline."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"


def _key_id(name: str, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + ED25519 + public).digest()[:4]


class Signer:
    """A log's name and private key."""

    def __init__(self, name: str, key: Ed25519PrivateKey) -> None:
        self.name = name
        self._key = key
        public = key.public_key().public_bytes_raw()
        self._id = _key_id(name, public)
        self.verifier = Verifier(name, public)

    @classmethod
    def load(cls, name: str, path: Path) -> "Signer":
        """The key in the PEM file `path`; made, with mode 0600, where there is no such file.

        Raises NoteInvalid for a file that holds no Ed25519 key, or that others can read.
        """
        with suppress(FileExistsError):
            _create(path)
        if path.stat().st_mode & 0o077:
            raise NoteInvalid(f"{path}: the signing key can be read by others; make it mode 0600")
        try:
            key = load_pem_private_key(path.read_bytes(), password=None)
        except ValueError:
            raise NoteInvalid(f"{path}: no private key in PEM form") from None
        if not isinstance(key, Ed25519PrivateKey):
            raise NoteInvalid(f"{path}: the key is not an Ed25519 key")
        return cls(name, key)

    def sign(self, size: int, root: bytes) -> str:
        """The signed note for the tree of `size` entries."""
        text = Checkpoint(self.name, size, root).text()
        signature = b64encode(self._id + self._key.sign(text.encode())).decode()
        return f"{text}\n{_DASH}{self.name} {signature}\n"


def _create(path: Path) -> None:
    """Write a new key; complete or not there at all, so that a crash leaves no half of one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists():
        raise FileExistsError(path)
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    part = path.with_name(f"{path.name}.{os.getpid()}")
    write_durably(part, pem)
    try:
        os.link(part, path)  # unlike a rename, this fails where another process was first
    finally:
        part.unlink()
    sync_directory(path.parent)


def write_durably(path: Path, content: bytes) -> None:
    """Write a new file with mode 0600 and wait until the disk has it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def sync_directory(path: Path) -> None:
    """Wait until the disk has the names in a directory."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Verifier:
    """A log's name and public key."""

    def __init__(self, name: str, public: bytes) -> None:
        self.name = name
        self._public = public
        self._id = _key_id(name, public)
        self._key = Ed25519PublicKey.from_public_bytes(public)

    @classmethod
    def parse(cls, key: str) -> "Verifier":
        """A key in the note verifier-key format. Raises NoteInvalid."""
        try:
            name, key_id, encoded = key.strip().split("+", 2)
            material = b64decode(encoded, validate=True)
            if not name or material[:1] != ED25519 or len(material) != 33:
                raise NoteInvalid("the verifier key is not an Ed25519 key")
            verifier = cls(name, material[1:])
            if bytes.fromhex(key_id) != verifier._id:
                raise NoteInvalid("the verifier key's id does not belong to its name and key")
        except ValueError:
            raise NoteInvalid("not a verifier key: name+id+key was expected") from None
        return verifier

    def __str__(self) -> str:
        return f"{self.name}+{self._id.hex()}+{b64encode(ED25519 + self._public).decode()}"

    def open(self, note: str) -> Checkpoint:
        """The checkpoint that `note` carries, once its signature by this key holds. Raises NoteInvalid.

        Signatures by other names or keys (witnesses) are passed over.
        """
        text, separator, signatures = note.rpartition("\n\n")
        if not separator or not note.endswith("\n"):
            raise NoteInvalid("not a signed note")
        text += "\n"
        if not any(self._signed(text, line) for line in signatures[:-1].split("\n")):
            raise NoteInvalid(f"no valid signature by {self.name}")
        checkpoint = _parse(text)
        if checkpoint.origin != self.name:
            raise NoteInvalid(f"the checkpoint is of {checkpoint.origin!r}, not of {self.name!r}")
        return checkpoint

    def _signed(self, text: str, line: str) -> bool:
        name, _, encoded = line.removeprefix(_DASH).partition(" ")
        if not line.startswith(_DASH) or name != self.name:
            return False
        try:
            signature = b64decode(encoded, validate=True)
            if signature[:4] != self._id:
                return False
            self._key.verify(signature[4:], text.encode())
        except (ValueError, InvalidSignature):
            return False
        return True


def _parse(text: str) -> Checkpoint:
    lines = text.split("\n")
    if len(lines) < 4 or not lines[0]:
        raise NoteInvalid("not a checkpoint: origin, size and root hash were expected")
    origin, size, root = lines[:3]
    if not (size.isascii() and size.isdigit()) or (size != "0" and size.startswith("0")) or len(size) > 19:
        raise NoteInvalid("the checkpoint's size is no number")
    try:
        decoded = b64decode(root, validate=True)
    except (Base64Error, ValueError):
        decoded = b""
    if len(decoded) != 32:
        raise NoteInvalid("the checkpoint's root hash is no SHA-256")
    return Checkpoint(origin, int(size), decoded)
