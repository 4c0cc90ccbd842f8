"""A pickle read as data: the few instructions that weight files hold, with nothing imported and nothing called by name.

Python's own unpickler, torch's restricted one included, calls real classes and functions. Here a name in the file
only selects one of the harmless answers in this module; any other name is refused before the next byte is read.
"""

import io
import math
import pickletools
from _compat_pickle import IMPORT_MAPPING
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, TypeVar

import torch

from posterv2.errors import UnsafeWeightsError, WeightsError, cut, shown

_T = TypeVar("_T")

LONGEST = 2**24
"""Bytes of one pickle; those of published files are under 1 MB, since the numbers stand outside of them."""

MOST_INSTRUCTIONS = 1_000_000
"""Instructions of one pickle, which bounds the objects in it; a file as published has some 25,000."""

_DIMENSIONS = 8

Storages = Callable[[str, torch.dtype, int], torch.Tensor]
"""Key, type and count of a storage -> its values, a tensor of one dimension on the CPU."""

_STORAGE_TYPES = {
    "torch.FloatStorage": torch.float32,
    "torch.DoubleStorage": torch.float64,
    "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.LongStorage": torch.int64,
    "torch.IntStorage": torch.int32,
    "torch.ShortStorage": torch.int16,
    "torch.CharStorage": torch.int8,
    "torch.ByteStorage": torch.uint8,
}
# The published training curves: their content is dropped, so neither numpy nor the recorders' classes are needed.
_IGNORED = {
    "__main__.RecorderMeter",
    "__main__.RecorderMeter1",
    "_codecs.encode",
    "numpy.dtype",
    "numpy.ndarray",
    "numpy.core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
}


@dataclass(frozen=True)
class Placeholder:
    """Stands for an allowed name in the file, or for the object it would have made: it holds and does nothing."""

    name: str


@dataclass(frozen=True)
class _Storage:
    values: torch.Tensor


def _dictionary(items: object = ()) -> dict[object, object]:
    result: dict[object, object] = {}
    for pair in _of(items, list, tuple):
        key, value = _of(pair, list, tuple)
        result[key if isinstance(key, str) else _number(key)] = value
    return result


def _tensor(storage: object, offset: object, size: object, stride: object, *_: object) -> torch.Tensor:
    values = _of(storage, _Storage).values
    lengths, strides, start = _of(size, tuple), _of(stride, tuple), _number(offset)
    if max(len(lengths), len(strides)) > _DIMENSIONS:
        raise WeightsError(f"a tensor has more than {_DIMENSIONS} dimensions")
    shape, steps = [_number(each) for each in lengths], [_number(each) for each in strides]
    if len(shape) != len(steps) or min(start, *shape, *steps, 0) < 0:
        raise WeightsError(f"a tensor of size {shape} with strides {steps} at {start} cannot be")
    end = start + 1 + sum((length - 1) * step for length, step in zip(shape, steps, strict=True))
    if math.prod(shape) and end > len(values):
        raise WeightsError(f"a tensor needs {end} values of a storage that holds {len(values)}")
    return values.as_strided(shape, steps, start)


_CALLS: dict[str, Callable[..., object]] = {
    "collections.OrderedDict": _dictionary,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": lambda data, *_: _of(data, torch.Tensor),
}
_LITERALS = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "STRING", "SHORT_BINSTRING", "BINSTRING"),
    *("SHORT_BINBYTES", "BINBYTES", "BINBYTES8"),
}
_ALLOWED = _CALLS.keys() | _STORAGE_TYPES.keys() | _IGNORED


def read_pickle(file: IO[bytes], storages: Storages) -> object:
    """The next pickle in `file`: numbers, strings, lists, tuples, dictionaries, tensors and placeholders.

    Raises:
        UnsafeWeightsError: it asks for a name outside the allow-list.
        WeightsError, ValueError, TypeError, KeyError, IndexError, RuntimeError: it is broken, or larger than any
            weight file's is.
    """
    stack: list = []
    outer: list[list] = []
    memo: dict[int, object] = {}
    left = MOST_INSTRUCTIONS
    for opcode, argument in _instructions(file):
        left -= 1
        if left < 0:
            raise WeightsError(
                f"its pickle has more than {MOST_INSTRUCTIONS:,} instructions, which no weight file needs"
            )
        match opcode.name:
            case "PROTO" | "FRAME":
                pass
            case "PUT" | "BINPUT" | "LONG_BINPUT":
                memo[_number(argument)] = stack[-1]
            case "MEMOIZE":
                memo[len(memo)] = stack[-1]
            case "GET" | "BINGET" | "LONG_BINGET":
                stack.append(memo[_number(argument)])
            case name if name in _LITERALS:
                stack.append(argument)
            case "NONE" | "NEWTRUE" | "NEWFALSE":
                stack.append({"NONE": None, "NEWTRUE": True, "NEWFALSE": False}[opcode.name])
            case "MARK":
                outer.append(stack)
                stack = []
            case "EMPTY_TUPLE":
                stack.append(())
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                stack.append(tuple(_pop(stack, int(opcode.name[-1]))))
            case "TUPLE":
                items, stack = stack, outer.pop()
                stack.append(tuple(items))
            case "LIST":
                items, stack = stack, outer.pop()
                stack.append(items)
            case "EMPTY_LIST":
                stack.append([])
            case "APPEND":
                item = stack.pop()
                _of(stack[-1], list).append(item)
            case "APPENDS":
                items, stack = stack, outer.pop()
                _of(stack[-1], list).extend(items)
            case "DICT":
                items, stack = stack, outer.pop()
                stack.append(_dictionary(list(zip(items[::2], items[1::2], strict=True))))
            case "EMPTY_DICT":
                stack.append({})
            case "SETITEM":
                pair = _pop(stack, 2)
                _of(stack[-1], dict).update(_dictionary([pair]))
            case "SETITEMS":
                items, stack = stack, outer.pop()
                _of(stack[-1], dict).update(_dictionary(list(zip(items[::2], items[1::2], strict=True))))
            case "GLOBAL":
                stack.append(_named(str(argument).replace(" ", ".", 1)))
            case "STACK_GLOBAL":
                module, name = _pop(stack, 2)
                stack.append(_named(f"{_of(module, str)}.{_of(name, str)}"))
            case "INST":
                raise _refused(str(argument).replace(" ", ".", 1))
            case "EXT1" | "EXT2" | "EXT4":
                raise _refused(f"the copyreg extension {argument}")
            case "REDUCE" | "NEWOBJ":
                name, arguments = _pop(stack, 2)
                # A call copies what it is given, and that may be given to many.
                left -= sum(len(each) for each in (arguments, *_of(arguments, tuple)) if isinstance(each, list | tuple))
                stack.append(_called(_of(name, Placeholder), _of(arguments, tuple)))
            case "BUILD":
                stack.pop()
                _of(stack[-1], dict, Placeholder)  # the state of both is dropped
            case "BINPERSID":
                stack.append(_stored(stack.pop(), storages))
            case "STOP":
                return stack.pop()
            case _:
                raise WeightsError(f"it holds the instruction {opcode.name}, which torch.save does not write")
    raise WeightsError("it ends too early")


def _instructions(file: IO[bytes]) -> Iterator[tuple[pickletools.OpcodeInfo, object]]:
    """The instructions of the next pickle with their arguments; `file` is left behind the last one."""
    start = file.tell()
    window = io.BytesIO(file.read(LONGEST))
    try:
        for opcode, argument, _ in pickletools.genops(window):
            if opcode.name == "STOP":
                file.seek(start + window.tell())
            yield opcode, argument
    except ValueError as error:
        if window.tell() == LONGEST:
            raise WeightsError(f"its pickle is longer than {LONGEST:,} bytes, which no weight file needs") from error
        raise


def _named(name: str) -> Placeholder:
    if name not in _ALLOWED:
        raise _refused(name)
    return Placeholder(name)


def _refused(name: str) -> UnsafeWeightsError:
    name = cut(name)
    module, _, rest = name.partition(".")
    module = IMPORT_MAPPING.get(module, module)  # pickles hold Python 2's names
    known = f"{'os' if module in ('posix', 'nt') else module}.{rest}" if rest else name
    written = "" if known == name else f" (written {name})"
    return UnsafeWeightsError(
        f"it asks for {known}{written}, which no weight file needs; it was refused, and nothing of it was run. "
        "Do not open this file with other tools; get the weights from a source that you trust"
    )


def _called(callee: Placeholder, arguments: tuple[object, ...]) -> object:
    if callee.name in _CALLS:
        return _CALLS[callee.name](*arguments)
    if callee.name in _IGNORED:
        return callee
    raise WeightsError(f"it calls {callee.name}")


def _stored(key: object, storages: Storages) -> _Storage:
    kind, storage_type, name, _location, count, *view = _of(key, tuple)[:6]
    if kind != "storage" or any(each is not None for each in view):
        raise WeightsError(f"it refers to {shown(kind)} with a view, a form of torch before 0.4")
    dtype = _STORAGE_TYPES[_of(storage_type, Placeholder).name]
    return _Storage(storages(_of(name, str), dtype, _number(count)))


def _pop(stack: list[object], count: int) -> list[object]:
    items = stack[-count:]
    if len(items) < count:
        raise WeightsError("it takes more values than it gave")
    del stack[-count:]
    return items


def _of(value: object, *kinds: type[_T]) -> _T:
    if not isinstance(value, kinds) or isinstance(value, bool):
        wanted = " or ".join(kind.__name__ for kind in kinds)
        raise WeightsError(f"it holds a {type(value).__name__} where only {wanted} can be")
    return value


def _number(value: object) -> int:
    # Larger ones have hashes of anyone's choice, which make a dictionary slow, and products and texts without end.
    number = _of(value, int)
    if abs(number) >= 2**63:
        raise WeightsError("it holds a number of more than 64 bits where none can be")
    return number
