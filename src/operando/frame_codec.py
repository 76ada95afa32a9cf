"""Bitshuffle-LZ4 without the interpreter's lock: the filter's own library, called directly.

HDF5 runs a filter under one lock for all files, and h5py holds the interpreter's meanwhile: the
one who writes frames and the one who reads them then take turns, on however many cores. Chunks
are written and read as they are in the file, and the filter is run here, with `ctypes`, which
leaves the interpreter to others.

The layout of a chunk is that of the filter 32008 (bitshuffle,
https://github.com/kiyo-masui/bitshuffle, ``src/bshuf_h5filter.c``), and of the blocks in it that
of ``src/bitshuffle.c``: all frames can be read by whoever has the filter, as before.
"""

from __future__ import annotations

import ctypes
import functools
import os
import struct
import threading
from typing import Final

import h5py
import hdf5plugin
import numpy as np
from numpy.typing import NDArray

from operando.errors import BadInput

#: Bytes of a chunk and of a block when unpacked, big endian, before the blocks.
_HEAD: Final = struct.Struct(">QI")
_LENGTH: Final = struct.Struct(">I")
#: Elements of a block that can be shuffled are a multiple of it.
_TOGETHER: Final = 8
#: Elements of a block that the filter takes unless told: 8192 bytes, a multiple of eight.
_BLOCK_BYTES: Final = 8192
_LARGEST_BLOCK: Final = 1 << 24

_scratch = threading.local()


@functools.cache
def _library() -> ctypes.CDLL | None:
    """Load the filter's library; None where its functions cannot be called from outside."""
    name = f"libh5bshuf{hdf5plugin.get_config().build_config.filter_file_extension}"
    try:
        library = ctypes.CDLL(os.path.join(hdf5plugin.PLUGIN_PATH, name))
        sizes = [ctypes.c_size_t] * 3
        for function in (library.bshuf_compress_lz4, library.bshuf_decompress_lz4):
            function.argtypes = [ctypes.c_void_p, ctypes.c_void_p, *sizes]
            function.restype = ctypes.c_int64
        library.bshuf_compress_lz4_bound.argtypes = sizes
        library.bshuf_compress_lz4_bound.restype = ctypes.c_size_t
    except (OSError, AttributeError):
        return None
    return library


def codes(data: h5py.Dataset) -> bool:
    """Tell whether a dataset's chunks are frames that `encode` and `decode` are for.

    Parameters
    ----------
    data : h5py.Dataset
        Of frames.

    Returns
    -------
    bool
        Whether a chunk is one frame, bitshuffle-LZ4 is its only filter, numbers are in the order
        of this machine's bytes, and the filter's library can be called here.
    """
    if data.ndim != 3 or data.chunks != (1, *data.shape[1:]) or not data.dtype.isnative:
        return False
    filters = data.id.get_create_plist()
    if filters.get_nfilters() != 1:
        return False
    number, _, options, _ = filters.get_filter(0)
    # The filter's options: its version, bytes of a number, of a block, and 2 for LZ4.
    is_lz4 = number == hdf5plugin.BSHUF_ID and len(options) > 4 and options[4] == 2
    return is_lz4 and options[2] == data.dtype.itemsize and _library() is not None


def encode(frame: NDArray[np.generic]) -> bytes:
    """Pack a frame.

    Parameters
    ----------
    frame : ndarray, (rows, columns)
        Contiguous, of any kind of number.

    Returns
    -------
    bytes
        The chunk, as the filter makes it.

    Raises
    ------
    BadInput
        If the filter cannot pack it.
    """
    library = _library()
    assert library is not None
    item = frame.itemsize
    block = _BLOCK_BYTES // item // _TOGETHER * _TOGETHER
    most = _HEAD.size + library.bshuf_compress_lz4_bound(frame.size, item, block)
    out = getattr(_scratch, "out", None)
    if out is None or len(out) < most:
        out = _scratch.out = ctypes.create_string_buffer(most)
    _HEAD.pack_into(out, 0, frame.nbytes, block * item)
    length = library.bshuf_compress_lz4(
        frame.ctypes.data, ctypes.addressof(out) + _HEAD.size, frame.size, item, block
    )
    if length < 0:
        raise BadInput(f"bitshuffle cannot pack a frame of {frame.nbytes} bytes ({length})")
    return ctypes.string_at(out, _HEAD.size + length)


def decode(chunk: bytes, out: NDArray[np.generic], *, skipped: int = 0) -> None:
    """Unpack a frame.

    Parameters
    ----------
    chunk : bytes
        As it is in the file, which may come from anywhere.
    out : ndarray, (rows, columns)
        Contiguous, of the file's kind of number; the frame is written into it.
    skipped : int
        The chunk's mask of filters that were passed over; not zero if it is not packed at all.

    Raises
    ------
    BadInput
        If the chunk is damaged, or of a frame of another size.
    """
    library = _library()
    assert library is not None
    item = out.itemsize
    if skipped:
        if len(chunk) != out.nbytes:
            raise BadInput(f"a frame has {len(chunk)} bytes where {out.nbytes} are needed")
        out.reshape(-1)[:] = np.frombuffer(chunk, out.dtype)
        return
    block = _block_of(chunk, out.nbytes, item)
    blocks = np.frombuffer(chunk, np.uint8, offset=_HEAD.size)
    found = library.bshuf_decompress_lz4(blocks.ctypes.data, out.ctypes.data, out.size, item, block)
    if found != len(chunk) - _HEAD.size:
        raise BadInput(f"a frame of {len(chunk)} bytes cannot be unpacked ({found})")


def _block_of(chunk: bytes, nbytes: int, item: int) -> int:
    """Give the elements of a block; the blocks must end where the chunk does.

    The filter believes what the blocks say of their length, and would read on behind the chunk.
    """
    if len(chunk) < _HEAD.size:
        raise BadInput(f"a frame of {len(chunk)} bytes is cut off")
    size, block_bytes = _HEAD.unpack_from(chunk)
    block = int(block_bytes // item)
    if size != nbytes:
        raise BadInput(f"a frame says that it has {size} bytes where {nbytes} are needed")
    if not 0 < block_bytes <= _LARGEST_BLOCK or block % _TOGETHER or block_bytes % item:
        raise BadInput(f"a frame has blocks of {block_bytes} bytes")
    elements = size // item
    last = elements % block
    at = _HEAD.size
    for _ in range(elements // block + (last >= _TOGETHER)):
        if at + _LENGTH.size > len(chunk):
            raise BadInput(f"a frame of {len(chunk)} bytes is cut off")
        at += _LENGTH.size + _LENGTH.unpack_from(chunk, at)[0]
    # What is less than eight elements is there as it was.
    at += elements % _TOGETHER * item
    if at != len(chunk):
        raise BadInput(f"the blocks of a frame take {at} bytes of {len(chunk)}")
    return block
