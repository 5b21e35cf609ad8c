"""MurmurHash3, the 128-bit x64 variant with seed 0: by it Cosmos places partition keys.

The algorithm is Austin Appleby's, in the public domain (SMHasher).
"""

from __future__ import annotations

MASK = 0xFFFFFFFFFFFFFFFF
C1 = 0x87C37B91114253D5
C2 = 0x4CF5AD432745937F


def murmur3_128(data: bytes) -> tuple[int, int]:
    """Return the low and the high half of the hash."""
    h1 = h2 = 0
    whole = len(data) // 16 * 16
    for at in range(0, whole, 16):
        h1 ^= _first(int.from_bytes(data[at : at + 8], "little"))
        h1 = ((_left(h1, 27) + h2) * 5 + 0x52DCE729) & MASK
        h2 ^= _second(int.from_bytes(data[at + 8 : at + 16], "little"))
        h2 = ((_left(h2, 31) + h1) * 5 + 0x38495AB5) & MASK
    h1 ^= _first(int.from_bytes(data[whole : whole + 8], "little"))
    h2 ^= _second(int.from_bytes(data[whole + 8 :], "little"))
    return _finish(h1 ^ len(data), h2 ^ len(data))


def _finish(h1: int, h2: int) -> tuple[int, int]:
    h1 = (h1 + h2) & MASK
    h2 = (h2 + h1) & MASK
    h1, h2 = _mix(h1), _mix(h2)
    h1 = (h1 + h2) & MASK
    return h1, (h2 + h1) & MASK


def _first(k: int) -> int:
    return (_left(k * C1 & MASK, 31) * C2) & MASK


def _second(k: int) -> int:
    return (_left(k * C2 & MASK, 33) * C1) & MASK


def _left(value: int, by: int) -> int:
    return ((value << by) | (value >> (64 - by))) & MASK


def _mix(value: int) -> int:
    value ^= value >> 33
    value = value * 0xFF51AFD7ED558CCD & MASK
    value ^= value >> 33
    value = value * 0xC4CEB9FE1A85EC53 & MASK
    return value ^ (value >> 33)
