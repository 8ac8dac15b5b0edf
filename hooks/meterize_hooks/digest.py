"""Owns SHA-256 without ``hashlib``, whose import loads OpenSSL into the application."""

try:
    from _sha2 import sha256 as _sha256  # type: ignore[import-not-found] # 3.12+
except ImportError:
    try:
        from _sha256 import sha256 as _sha256  # type: ignore[import-not-found] # 3.11
    except ImportError:
        from hashlib import sha256 as _sha256


def sha256_hex(text: str) -> str:
    """The digest of the text's UTF-8 form, 64 hex digits."""
    digest: str = _sha256(text.encode()).hexdigest()
    return digest
