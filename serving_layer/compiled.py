"""Compilation to machine code: a typed `njit`, and arrays at addresses that outlive the call.

Memory-mapped files are handed to compiled code as addresses, for a segment has many buffers and unboxing an array
costs as much as searching it. Whoever passes an address keeps what lies there alive.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_carray: Any = vars(numba)["carray"]

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]


def compiled(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """The function as machine code: cached on disk, and without the interpreter's lock."""
    return cast("Callable[Parameters, Result]", numba.njit(function, cache=True, nogil=True, error_model="numpy"))


def inlined(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """`compiled`, and part of its callers: a call of its own would count references to each array."""
    machine_code = numba.njit(function, cache=True, nogil=True, error_model="numpy", forceinline=True)
    return cast("Callable[Parameters, Result]", machine_code)


def _pointer_to(element: Any) -> Any:
    pointer: Any = vars(types)["CPointer"](element)

    def typing_of(_context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

        return pointer(address), generate

    return intrinsic(typing_of)


def _prefetch() -> Any:
    def typing_of(_context: Any, _address: Any) -> Any:
        def generate(_: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            byte = ir.IntType(8).as_pointer()
            flag = ir.IntType(32)
            kind = ir.FunctionType(ir.VoidType(), [byte, flag, flag, flag])
            function = builder.module.globals.get("llvm.prefetch.p0")
            function = function or ir.Function(builder.module, kind, "llvm.prefetch.p0")
            read, keep, data = (ir.Constant(flag, value) for value in (0, 3, 1))
            builder.call(function, [builder.inttoptr(arguments[0], byte), read, keep, data])
            return None

        return types.void(types.int64), generate

    return intrinsic(typing_of)


prefetch: Any = _prefetch()
"""Have the cache line of an address fetched without waiting for it; any address will do."""

_int64_pointer: Any = _pointer_to(types.int64)
_int32_pointer: Any = _pointer_to(types.int32)
_uint8_pointer: Any = _pointer_to(types.uint8)


@inlined
def ints_at(address: int, length: int) -> Ints:
    """The int64 words at an address."""
    words: Ints = _carray(_int64_pointer(address), (length,), np.int64)
    return words


@inlined
def shorts_at(address: int, length: int) -> npt.NDArray[np.int32]:
    """The numbers of 32 bits at an address."""
    numbers: npt.NDArray[np.int32] = _carray(_int32_pointer(address), (length,), np.int32)
    return numbers


@inlined
def bytes_at(address: int, length: int) -> Bytes:
    """The bytes at an address."""
    text: Bytes = _carray(_uint8_pointer(address), (length,), np.uint8)
    return text


@inlined
def loose(words: npt.NDArray[np.int64]) -> Ints:
    """The words of an array, flat and not counted as a reference: copies of it cost nothing, the array has to stay."""
    return ints_at(words.ctypes.data, words.size)


@inlined
def loose_bytes(text: Bytes) -> Bytes:
    """As `loose`, of bytes."""
    return bytes_at(text.ctypes.data, text.size)
