"""What may happen to a file: bytes, numbers, lines, encodings, arrays."""

import io
import json
import re
import struct
import zipfile

import numpy as np

_NUMBER = re.compile(rb"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?")
_ODD_NUMBERS = (
    b"nan", b"inf", b"-inf", b"1e999", b"-1", b"0", b"-0", b"1e-320", b"1e308", b"9" * 400,
    b"99999999999", b"4294967296", b"2147483647", b"1_0", b"0x10", b"1,5", b"1..2", b"", b"--1",
    "١٢".encode(), b"1e", b"1e5", b"65536",
)  # fmt: skip
_ODD_BYTES = (
    b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\n\n", b'"', b"'", b"[" * 3000, b"{" * 3000,
    b"(" * 500, b"]", b"}", b"#", b";", b",", b"\t", b" " * 3000, b"a" * 20000, b"\x1b[31m",
    "℃".encode(), b"\xc0\xaf", b"=", b":", b"../../../../etc/passwd", b"&x;", b"%s%n", b"$(id)",
    b"__import__('os')", b"\x00\x00\x00\xff\xff\xff\xff",
)  # fmt: skip


def mutated(rng, data, others):
    """Give a file's content after one to three accidents.

    Parameters
    ----------
    rng : random.Random
    data : bytes
    others : sequence of bytes
        Good files of the same kind, to be spliced with.
    """
    for _ in range(1 + rng.randrange(3)):
        data = _ACCIDENTS[rng.randrange(len(_ACCIDENTS))](rng, data, others)
    return data


def _flipped(rng, data, others):
    changed = bytearray(data)
    for _ in range(1 + rng.randrange(4)):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _overwritten(rng, data, others):
    if len(data) < 8:
        return data
    value = struct.pack(
        rng.choice("<>") + "i", rng.choice((-1, 0, 1, 255, 65536, 2**31 - 1, -(2**31), 10**6))
    )
    at = rng.randrange(len(data) - 4)
    return data[:at] + value + data[at + 4 :]


def _cut(rng, data, others):
    at = rng.randrange(len(data) + 1)
    return data[:at] if rng.randrange(3) else data[at:]


def _removed(rng, data, others):
    at = rng.randrange(len(data) + 1)
    return data[:at] + data[at + 1 + rng.randrange(64) :]


def _spliced(rng, data, others):
    other = rng.choice(others)
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


def _inserted(rng, data, others):
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(_ODD_BYTES) + data[at:]


def _numbered(rng, data, others):
    found = list(_NUMBER.finditer(data[:20000]))
    if not found:
        return data
    one = rng.choice(found)
    return data[: one.start()] + rng.choice(_ODD_NUMBERS) + data[one.end() :]


def _relined(rng, data, others):
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    how = rng.randrange(5)
    if how == 0:
        del lines[at]
    elif how == 1:
        lines.insert(rng.randrange(len(lines)), lines[at])
    elif how == 2:
        lines[at] = lines[at] * rng.choice((2, 200))
    elif how == 3:
        lines[at : at + 1] = [lines[at]] * 100
    else:
        other = rng.randrange(len(lines))
        lines[at], lines[other] = lines[other], lines[at]
    return b"\n".join(lines)


def _recoded(rng, data, others):
    text = data.decode("latin-1")
    how = rng.choice(("utf-16", "utf-32", "utf-8", "utf-7"))
    return text.encode(how)


_ACCIDENTS = (
    _flipped, _flipped, _overwritten, _cut, _removed, _spliced, _inserted, _numbered, _numbered,
    _relined, _recoded,
)  # fmt: skip


def mutated_arrays(rng, data, others):
    """Give an npz file after an accident: to its bytes, its arrays, or the words among them."""
    if rng.randrange(4) == 0:
        return mutated(rng, data, others)
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        arrays = dict(file)
    for _ in range(1 + rng.randrange(2)):
        key = rng.choice(list(arrays))
        changed = _array(rng, arrays[key])
        if changed is None:
            del arrays[key]
        else:
            arrays[key] = changed
        if not arrays:
            break
    out = io.BytesIO()
    if rng.randrange(3):
        np.savez(out, **arrays)
    else:
        np.savez_compressed(out, **arrays)
    if rng.randrange(12) == 0:
        with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(rng.choice(("../out.npy", "bomb.npy", "/abs.npy")), _lying(rng))
    return out.getvalue()


def _lying(rng):
    """Return an array that is larger than it says, says more than it has, or holds objects."""
    out = io.BytesIO()
    descr = rng.choice(("<f8", "|O", "<U100000000", "|V0"))
    shape = rng.choice(((10**12,), (2**31, 2**31), (-1,), (0,), (10**6,)))
    np.lib.format.write_array_header_1_0(
        out, {"descr": descr, "fortran_order": False, "shape": shape}
    )
    return out.getvalue() + b"\0" * rng.choice((0, 10, 8 * 10**6))


def _array(rng, array):
    """Change an array; None takes it away."""
    if array.dtype.kind == "U" and array.ndim == 0:
        return np.array(_words(rng, str(array)))
    if array.dtype == np.uint8 and array.ndim == 1 and array.size:
        return np.frombuffer(
            _words(rng, array.tobytes().decode(errors="replace")).encode(), dtype=np.uint8
        )
    how = rng.randrange(8)
    if how == 0:
        return None
    if how == 1:
        return array[..., : rng.randrange(3)] if array.ndim else array[None]
    if how == 2:
        return array.reshape(-1)
    if how == 3:
        with np.errstate(all="ignore"):
            return array.astype(rng.choice(("i1", "U5", "c16", "f2", "M8[s]", "?")), copy=True)
    if how == 4:
        return np.zeros((0, *array.shape[1:]), array.dtype)
    if how == 5:
        return np.concatenate([array.reshape(-1)] * 3)
    changed = array.astype(np.float64) if array.dtype.kind in "fiu" else array.copy()
    if changed.size and changed.dtype.kind == "f":
        values = (np.nan, np.inf, -np.inf, -1.0, 0.0, 1e300, 1e-300, 2.0**63)
        changed.flat[rng.randrange(changed.size)] = rng.choice(values)
    return changed


def _words(rng, text):
    """Change JSON as text, or as what it says; what is no JSON any more as text."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if value is None or rng.randrange(3) == 0:
        changed = mutated(rng, text.encode(), [text.encode()])
        return changed.decode("utf-8", errors="replace").replace("\0", " ")
    for _ in range(1 + rng.randrange(2)):
        _change(rng, value)
    return json.dumps(value)


_ODD_VALUES = (
    None, -1, 0, 1e300, 10**30, 1.5, "", "abc", [], {}, [[]], True, "試料", float("nan"),
    float("inf"), "../../x", 2**31,
)  # fmt: skip


def _change(rng, value):
    """Change something in what JSON says, as deep as chance has it."""
    while isinstance(value, dict | list) and value:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = rng.choice(keys)
        below = value[key]
        if isinstance(below, dict | list) and below and rng.randrange(5):
            value = below
            continue
        how = rng.randrange(4)
        if how == 0:
            del value[key]
        elif how == 1 and isinstance(value, dict):
            value[rng.choice(("unknown", "", "__class__"))] = below
        else:
            value[key] = rng.choice(_ODD_VALUES)
        return
