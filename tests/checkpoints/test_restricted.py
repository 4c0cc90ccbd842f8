"""Reading torch files: the right ones come out whole, the hostile ones run nothing, the broken ones say so."""

import contextlib
import copyreg
import pickle
import random
import struct
import zipfile
from collections import OrderedDict
from typing import Any

import pytest
import torch

from posterv2.checkpoints.restricted import load
from posterv2.checkpoints.unpickling import Placeholder
from posterv2.errors import UnsafeWeightsError, WeightsError
from tests.checkpoints import hostile, official

FORMS = pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])


def zipped(path, pickled: bytes, storages: dict[str, bytes] | None = None, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", pickled)
        for key, content in (storages or {}).items():
            archive.writestr(f"archive/data/{key}", content)
    return path


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def long(value: int) -> bytes:
    data = pickle.encode_long(value)
    return b"\x8a" + bytes([len(data)]) + data


def tensor(count: int, offset: int, size: list[int], stride: list[int]) -> bytes:
    """The pickle of {"a": a tensor with these numbers, over the storage "0"}."""
    ints = lambda values: b"(" + b"".join(map(long, values)) + b"t"  # noqa: E731
    storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + long(count) + b"tQ"
    call = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + long(offset) + ints(size) + ints(stride)
    return b"\x80\x02}" + text("a") + call + b"\x89}tRs."


@FORMS
def test_all_that_weights_hold_comes_out(tmp_path, legacy):
    base = torch.arange(24.0)
    content: OrderedDict[str, Any] = OrderedDict(
        whole=base.reshape(2, 3, 4),
        view=base[2:20:3],
        transposed=base.reshape(4, 6).T,
        expanded=torch.tensor([3.0]).expand(5, 7),
        empty=torch.zeros(0, 3),
        scalar=torch.tensor(7),
        parameter=torch.nn.Parameter(torch.ones(2), requires_grad=False).data,
        **{str(dtype): torch.arange(5).to(dtype) for dtype in (torch.float16, torch.bfloat16, torch.float64)},
        **{str(dtype): torch.arange(5).to(dtype) for dtype in (torch.int8, torch.int16, torch.int32, torch.uint8)},
        plain={"numbers": [1, -2, 2**40, 0.5, True, None], 3: ("tuple", "of", "four", 4)},
    )
    loaded = load(official.save(content, tmp_path / "x.pth", legacy))
    assert list(loaded) == list(content)
    assert loaded["plain"] == content["plain"]
    for name in content.keys() - {"plain"}:
        torch.testing.assert_close(loaded[name], content[name], rtol=0, atol=0)


@FORMS
@pytest.mark.parametrize("optimizer", [False, True])
@pytest.mark.parametrize("numpy1", [False, True])
def test_published_files_load_without_their_classes(tmp_path, legacy, optimizer, numpy1):
    path = official.save(official.checkpoint(optimizer=optimizer), tmp_path / "x.pth", legacy, numpy1, cuda=True)
    loaded = load(path)
    assert loaded["epoch"] == 173
    assert loaded["recorder"] == Placeholder("__main__.RecorderMeter")
    assert ("optimizer" in loaded) == optimizer
    state = loaded["state_dict"]
    assert isinstance(state, dict)
    for name, value in official.weights().items():
        assert torch.equal(state[f"module.{name}"], value)
        assert state[f"module.{name}"].device.type == "cpu"


@FORMS
@pytest.mark.parametrize("place", ["alone", "beside the weights"])
@pytest.mark.parametrize("kind", hostile.ATTACKS)
def test_hostile_files_are_refused_by_name_and_run_nothing(tmp_path, kind, place, legacy):
    marker = tmp_path / "ran"
    evil = hostile.attack(kind, marker)
    content = evil if place == "alone" else {**official.checkpoint(), "recorder": [evil]}
    path = official.save(content, tmp_path / "x.pth", legacy)
    with pytest.raises(UnsafeWeightsError) as refusal:
        load(path)
    assert f"x.pth: it asks for {hostile.ATTACKS[kind]}, " in str(refusal.value)
    assert not marker.exists()


@pytest.mark.parametrize("kind", [kind for kind in hostile.ATTACKS if kind not in ("popen", "recorder")])
def test_the_same_attacks_work_on_an_open_reader(tmp_path, kind):
    """Without this, the test above could pass because the payloads are duds."""
    marker = tmp_path / "ran"
    path = official.save(hostile.attack(kind, marker), tmp_path / "x.pth")
    torch.load(path, weights_only=False)
    assert marker.exists()


@pytest.mark.parametrize(
    ("instructions", "name"),
    [
        (b"cos\nsystem\n(S'touch {}'\ntR.", "os.system"),
        (b"(S'touch {}'\nios\nsystem\n.", "os.system"),
        (b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02ls\x85R.", "posix.system"),
        (pickle.dumps({"a": hostile.Call(print, "x")}, 0), "builtins.print"),
        (pickle.dumps({"a": hostile.Call(print, "x")}, 4), "builtins.print"),
        (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2.__globals__\n.", "torch._utils._rebuild_tensor_v2.__globals__"),
        (b"\x80\x02ccollections\nOrderedDict.__init__\n.", "collections.OrderedDict.__init__"),
        (b"\x80\x02cnumpy\nfromfile\n.", "numpy.fromfile"),
        (b"\x80\x02c__main__\nRecorderMeter2\n.", "__main__.RecorderMeter2"),
        (b"\x80\x02c__builtin__\neval\n.", "__builtin__.eval"),
        (b"\x80\x02ctorch\nload\n.", "torch.load"),
    ],
)
@FORMS
def test_hostile_instructions_are_refused_by_name(tmp_path, instructions, name, legacy):
    marker = tmp_path / "ran"
    content = instructions.replace(b"{}", str(marker).encode())
    path = tmp_path / "x.pth"
    if legacy:
        path.write_bytes(content)
    else:
        zipped(path, content)
    with pytest.raises(UnsafeWeightsError, match="asks for .*" + name.replace(".", r"\.")):
        load(path)
    assert not marker.exists()


def test_registered_extensions_are_refused(tmp_path):
    marker = tmp_path / "ran"
    copyreg.add_extension("posix", "system", 42)
    try:
        instructions = pickle.dumps(hostile.attack("os.system", marker), 2)
        assert b"\x82\x2a" in instructions
        pickle.loads(instructions)  # now the extension lies in Python's cache, too
        marker.unlink()
        with pytest.raises(UnsafeWeightsError, match="asks for the copyreg extension 42"):
            load(zipped(tmp_path / "x.pth", instructions))
    finally:
        copyreg.remove_extension("posix", "system", 42)
    assert not marker.exists()


@pytest.mark.parametrize(
    "instructions",
    [
        b"\x80\x02c__main__\nRecorderMeter\n}" + text("__class__") + b"Nsb.",  # state for a name
        b"\x80\x02ccollections\nOrderedDict\n)R}" + text("items") + b"Nsb.",  # state that hides a method
        tensor(1, 0, [1], [1])[:-2] + b"}" + text("data") + b"Nsbs.",  # state for a tensor
        b"\x80\x02ctorch\nFloatStorage\n)R.",  # a storage type called
        b"\x80\x02]]R.",  # a list called
        b"\x80\x02(](]Kt\x01u.",
        b"\x80\x02}]Nsb.",
    ],
)
def test_odd_instructions_change_nothing_outside(tmp_path, instructions):
    before = dict(vars(OrderedDict)), dict(vars(Placeholder)), torch.Tensor.data
    with contextlib.suppress(WeightsError):
        load(zipped(tmp_path / "x.pth", instructions, {"0": bytes(4)}))
    assert (dict(vars(OrderedDict)), dict(vars(Placeholder)), torch.Tensor.data) == before


def test_torchscript_is_refused(tmp_path):
    path = tmp_path / "x.pth"
    with zipfile.ZipFile(path, "w") as archive:  # as torch.jit.save lays it out
        archive.writestr("x/data.pkl", b"\x80\x02c__torch__\nLinear\n)\x81.")
        archive.writestr("x/code/__torch__.py", "class Linear(Module): pass")
        archive.writestr("x/constants.pkl", b"\x80\x02).")
    with pytest.raises(WeightsError, match=r"TorchScript program; save its state_dict\(\)"):
        load(path)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((6, 0, [7], [1]), "needs 7 values of a storage that holds 6"),
        ((6, 3, [2, 2], [2, 1]), "needs 7 values"),
        ((6, 0, [2**40, 2**40], [2**40, 1]), "values of a storage that holds 6"),
        ((6, 0, [2**62, 2], [2, 2**62]), "values of a storage that holds 6"),
        ((6, -1, [2], [1]), "cannot be"),
        ((6, 0, [-2], [1]), "cannot be"),
        ((6, 2, [2], [-1]), "cannot be"),
        ((6, 0, [2], [1, 1]), "cannot be"),
        ((7, 0, [2], [1]), "holds 24 bytes, not 7"),
        ((2**60, 0, [2], [1]), "holds 24 bytes, not"),
        ((-6, 0, [2], [1]), "holds 24 bytes, not -6"),
    ],
)
def test_tensors_beyond_their_storage_are_refused(tmp_path, arguments, words):
    path = zipped(tmp_path / "x.pth", tensor(*arguments), {"0": bytes(24)})
    with pytest.raises(WeightsError, match=words):
        load(path)


def test_the_handmade_tensor_loads(tmp_path):
    path = zipped(tmp_path / "x.pth", tensor(6, 1, [2, 2], [2, 1]), {"0": struct.pack("<6f", *range(6))})
    assert torch.equal(load(path)["a"], torch.tensor([[1.0, 2.0], [3.0, 4.0]]))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("count", [2**50, 2**20, -1, 7])
def test_legacy_storages_larger_than_the_file_are_refused(tmp_path, count):
    path = official.save({"a": torch.zeros(6)}, tmp_path / "x.pth", legacy=True)
    content = path.read_bytes()
    number = content.index(b"K\x06Nt")  # BININT1 6, NONE, TUPLE: the storage's count
    path.write_bytes(content[:number] + long(count) + content[number + 2 :])
    with pytest.raises(WeightsError, match=r"does not fit into the file|does not hold the 7 values"):
        load(path)


def test_compressed_and_overlapping_zips_are_refused(tmp_path):
    path = zipped(tmp_path / "x.pth", tensor(6, 0, [6], [1]), {"0": bytes(24)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(WeightsError, match="compressed"):
        load(path)
    zipped(path, tensor(6000, 0, [6000], [1]), {"0": bytes(24_000)})
    with zipfile.ZipFile(path, "a") as archive:
        twin = zipfile.ZipInfo("archive/data/1")
        entry = archive.getinfo("archive/data/0")
        for name in ("header_offset", "compress_size", "file_size", "CRC", "compress_type"):
            setattr(twin, name, getattr(entry, name))
        archive.filelist.append(twin)
        archive._didModify = True  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(WeightsError, match="overlap"):
        load(path)


@pytest.mark.parametrize(
    "instructions",
    [
        b"\x80\x02" + b"]" * 50_000 + b"a" * 49_999 + b".",
        b"\x80\x02)" + b"\x85" * 50_000 + b".",
        b"\x80\x02}" + b")" + b"\x85" * 300_000 + b"Ns.",  # as a key: hashing it would exhaust the C stack
        b"\x80\x02}" + b"(" * 50_000 + b".",
        b"\x80\x02\x8b\xff\xff\xff\x7fabc",
        b"\x80\x04\x8d" + b"\xff" * 7 + b"\x7fabc",
    ],
)
@FORMS
def test_deep_and_long_ones_are_refused_without_harm(tmp_path, instructions, legacy):
    path = tmp_path / "x.pth"
    if legacy:
        path.write_bytes(instructions)
    else:
        zipped(path, instructions)
    with pytest.raises(WeightsError, match=r"x\.pth"):
        load(path)


def legacy(last: bytes) -> bytes:
    """A file of the older form up to the list of its storages, which is `last`."""
    head = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, {})
    return b"".join(pickle.dumps(part, 2) for part in head) + last


def shared(levels: int) -> bytes:
    """Instructions that make a pair of a pair of a pair ..., 2**levels of them to whoever walks through."""
    return b"".join(b"q" + bytes([level]) + b"h" + bytes([level]) + b"\x86" for level in range(levels))


@pytest.mark.parametrize("key", [b")" + b"\x85" * 300_000, b")" + shared(60)], ids=["deep", "without end"])
def test_keys_of_storages_are_words(tmp_path, key):
    (tmp_path / "x.pth").write_bytes(legacy(b"\x80\x02]" + key + b"a."))
    with pytest.raises(WeightsError, match="the list of its storages is not that of its tensors"):
        load(tmp_path / "x.pth")


@pytest.mark.parametrize(
    ("instructions", "words"),
    [
        (text("a") + shared(45) + b"q\xf0(h\xf0NNNNtQ.", "refers to a tuple with a view"),
        (b"(" + text("b" * 10_000) + b"NNNNtQ.", "refers to 'b{80}...' with a view"),
        (b"}\x8b" + struct.pack("<i", 5000) + b"\x7f" * 5000 + b"Ns.", "a number of more than 64 bits"),
        (b"p" + b"9" * 30 + b"\n.", "broken"),
        (b")p" + b"9" * 30 + b"\n.", "a number of more than 64 bits"),
        (tensor(1, 0, [1] * 9, [1] * 9)[2:], "more than 8 dimensions"),
        (tensor(1, 0, [2**63], [1])[2:], "a number of more than 64 bits"),
        (b"c" + b"x" * 9999 + b"\ny\n.", "asks for x{80}..., which"),
    ],
)
def test_messages_stay_short(tmp_path, instructions, words):
    with pytest.raises(WeightsError, match=words) as refusal:
        load(zipped(tmp_path / "x.pth", b"\x80\x02" + instructions, {"0": bytes(4)}))
    assert len(str(refusal.value)) < 800


PAIRS = b"](" + b"K\1N\x86" * 2000 + b"eq\0"
MANY = b"(" + b"N" * 2000 + b"tq\1"
ORDERED = b"ccollections\nOrderedDict\nq\2"


@pytest.mark.parametrize(
    "instructions",
    [
        b"}" * 1_000_001,
        b"}" + b"\x94" * 1_000_001,
        PAIRS + b"\x85q\1" + ORDERED + b"h\2h\1R" * 1000,
        MANY + b"c__main__\nRecorderMeter\nq\2" + b"h\2h\1R" * 1000,
    ],
    ids=["objects", "memos", "items of calls", "arguments of calls"],
)
def test_pickles_that_make_too_much_are_refused(tmp_path, instructions):
    with pytest.raises(WeightsError, match="more than 1,000,000 instructions"):
        load(zipped(tmp_path / "x.pth", b"\x80\x04" + instructions + b"."))


@FORMS
@pytest.mark.parametrize("instructions", [text("a" * 2**24), text("a" * 2**20) * 17])
def test_pickles_that_are_too_long_are_refused(tmp_path, instructions, legacy):
    path, instructions = tmp_path / "x.pth", b"\x80\x02" + instructions + b"."
    if legacy:
        path.write_bytes(instructions)
    else:
        zipped(path, instructions)
    with pytest.raises(WeightsError, match="longer than 16,777,216 bytes"):
        load(path)


@FORMS
def test_cut_off_files_are_refused(tmp_path, legacy):
    content = official.save(official.part("ir_back."), tmp_path / "x.pth", legacy).read_bytes()
    lengths = {1, 2, 4, 10, 100, 1000, *range(0, len(content), 4999), len(content) - 1} - {0}
    for length in lengths:
        (tmp_path / "cut.pth").write_bytes(content[:length])
        with pytest.raises(WeightsError, match=r"cut\.pth: .*fetch it again"):
            load(tmp_path / "cut.pth")


@FORMS
def test_flipped_bits_never_raise_anything_else(tmp_path, legacy):
    content = official.save(OrderedDict(list(official.part("ir_back.").items())[:12]), tmp_path / "x.pth", legacy)
    content = content.read_bytes()
    chance = random.Random(0)
    refused = 0
    for _ in range(150):
        broken = bytearray(content)
        for _ in range(chance.randint(1, 3)):
            broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
        (tmp_path / "broken.pth").write_bytes(broken)
        try:
            load(tmp_path / "broken.pth")
        except WeightsError:
            refused += 1
    assert refused > 50


def test_a_flipped_number_in_a_zip_is_noticed(tmp_path):
    path = zipped(tmp_path / "x.pth", tensor(6, 0, [6], [1]), {"0": b"abcd" * 6})
    path.write_bytes(path.read_bytes().replace(b"abcdabcd", b"abcdabce", 1))
    with pytest.raises(WeightsError, match="CRC"):
        load(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"not weights\n" * 9, "no torch weight file"),
        (b"\x08", "no torch weight file"),
        (random.Random(1).randbytes(5000), "no torch weight file"),
        (b"\x10\0\0\0\0\0\0\0" + b'{"__metadata__":{}}', "of kind safetensors, not one of torch.save"),
        (b"\x08\x0a\x12\x07pytorch", "of kind onnx"),
        (pickle.dumps({"a": 1}, 2), "not one of torch.save"),
        (pickle.dumps([1, 2], 4), "not one of torch.save"),
    ],
)
def test_other_files_are_refused(tmp_path, content, words):
    (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(WeightsError, match=r"x\.pth: .*" + words):
        load(tmp_path / "x.pth")


def test_other_zips_folders_and_nothing_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(WeightsError, match="a zip file, but not one of torch"):
        load(tmp_path / "x.zip")
    with pytest.raises(WeightsError, match="Is a directory"):
        load(tmp_path)
    with pytest.raises(WeightsError, match=r"nothing\.pth: No such file"):
        load(tmp_path / "nothing.pth")


@FORMS
def test_what_is_no_dictionary_is_refused(tmp_path, legacy):
    with pytest.raises(WeightsError, match="holds a list, not a dictionary"):
        load(official.save([torch.zeros(2)], tmp_path / "x.pth", legacy))
