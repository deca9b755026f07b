"""What is written about a photograph stays with it, letter by letter, in every format."""

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from colouriser import PhotoError, photo
from colouriser.photo import exif, jpeg, png
from colouriser.photo.ifd import Tiff

from .files import SIXTEEN, coloured, tiff, whole, write

TEXT = "The mill – Mühle, 水車"
MAKER = b"MAKER\0" + struct.pack("<3I", 0x1234, 0x5678, 99) + b"12.576666 and more"
LATITUDE = struct.pack("<6I", 12, 1, 34, 1, 36, 1)
FORMATS = (".jpg", ".png", ".webp", ".tif")
XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:exif="http://ns.adobe.com/exif/1.0/" '
    'xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0" '
    'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" photoshop:City="Ulm" '
    'exif:GPSLatitude="12,34.5N"><exif:GPSLongitude>98,7.6E</exif:GPSLongitude>'
    f"<dc:description>{TEXT}</dc:description></rdf:Description></rdf:RDF></x:xmpmeta>"
    '<?xpacket end="w"?>'
).encode()


def text(tag: int, value: str) -> exif.Value:
    raw = value.encode() + b"\0"
    return tag, 2, len(raw), raw


def block(end: str = "<") -> bytes:
    title = "Mühle".encode("utf-16-le") + b"\0\0"
    main = [text(270, TEXT), text(271, "Maker of cameras"), text(315, "Jörg Grün")]
    main += [(40091, 1, len(title), title), (274, 3, 1, struct.pack(f"{end}H", 1))]
    comment = b"UNICODE\0" + TEXT.encode("utf-16-le" if end == "<" else "utf-16-be")
    details = [(37510, 7, len(comment), comment), text(36867, "1931:05:06 00:00:00")]
    details.append((37500, 7, len(MAKER), MAKER))
    latitude = LATITUDE if end == "<" else struct.pack(">6I", *struct.unpack("<6I", LATITUDE))
    gps = [(1, 2, 2, b"N\0"), (2, 5, 3, latitude)]
    return exif.block_of(main, {exif.EXIF: details, exif.GPS: gps}, end)


def read_block(path: Path) -> bytes:
    """A result's EXIF, taken by its own format's rules."""
    data = path.read_bytes()
    if path.suffix == ".tif":
        return data
    if path.suffix == ".jpg":
        parts = [data[a + 4 : b] for marker, a, b in jpeg.segments(data) if marker == 0xE1]
        return next((part[6:] for part in parts if part.startswith(b"Exif\0\0")), b"")
    if path.suffix == ".png":
        return dict(png.chunks(data)).get(b"eXIf", b"")
    with Image.open(path) as image:
        return image.info.get("exif", b"").removeprefix(b"Exif\0\0")


def tags(data: bytes) -> dict[int, bytes]:
    """Raw values of EXIF, with those of its directory."""
    read = Tiff(io.BytesIO(data))
    main = read.directory(read.first)
    found = {tag: read.raw(entry) for tag, entry in main.entries.items()}
    if exif.EXIF in found:
        below = read.directory(read.value(main, exif.EXIF)).entries
        found |= {tag: read.raw(entry) for tag, entry in below.items()}
    return found


def with_segments(path: Path, *parts: tuple[int, bytes]) -> Path:
    buffer = io.BytesIO()
    Image.fromarray(whole(255, "u1")).save(buffer, "JPEG", quality=92)
    data = buffer.getvalue()
    more = [b"\xff" + bytes([m]) + struct.pack(">H", len(c) + 2) + c for m, c in parts]
    path.write_bytes(data[:20] + b"".join(more) + data[20:])
    return path


def with_exif(path: Path, raw: bytes) -> Path:
    if path.suffix == ".tif":
        values = exif.STRUCTURE
        read = Tiff(io.BytesIO(raw))
        main = read.directory(read.first)
        extra = [
            (e.tag, e.kind, e.count, read.raw(e), True)
            for e in main.entries.values()
            if e.tag not in values | {exif.EXIF, exif.GPS}
        ]
        return tiff(path, whole(255, "u1"), extratags=extra, description=None, software=False)
    if path.suffix == ".jpg":
        return with_segments(path, (0xE1, b"Exif\0\0" + raw))
    Image.fromarray(whole(255, "u1")).save(path, exif=raw, lossless=True)
    return path


@pytest.mark.parametrize("end", ["<", ">"])
@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("source", [".jpg", ".png", ".webp"])
def test_exif_stays_letter_by_letter(source: str, target: str, end: str, tmp_path: Path) -> None:
    path = with_exif(tmp_path / f"in{source}", block(end))
    out = coloured(path, tmp_path / f"out{target}")
    before, after = tags(block(end)), tags(read_block(out))
    for tag in (270, 271, 315, 40091, 37510, 36867):
        assert after[tag] == before[tag]
    assert read_block(out)[:2] == block(end)[:2]  # the order that a comment's letters have
    assert exif.GPS not in after
    data = out.read_bytes()
    assert LATITUDE not in data
    assert b"12.5766" not in data  # in the camera's note, either
    assert after[37500].startswith(MAKER[:18])
    assert after[37500].endswith(b" and more")
    kept = read_block(coloured(path, tmp_path / f"kept{target}", position=True))
    assert exif.GPS in tags(kept)
    assert tags(kept)[37500] == MAKER


@pytest.mark.parametrize("target", FORMATS)
def test_texts_of_a_tiff_stay(target: str, tmp_path: Path) -> None:
    path = with_exif(tmp_path / "in.tif", block())
    before, after = tags(block()), tags(read_block(coloured(path, tmp_path / f"out{target}")))
    assert all(after[tag] == before[tag] for tag in (270, 271, 315, 40091))


@pytest.mark.parametrize("target", FORMATS)
def test_letters_of_exif_3_stay(target: str, tmp_path: Path) -> None:
    raw = exif.block_of([(270, 129, len(TEXT.encode()) + 1, TEXT.encode() + b"\0")], {})
    out = coloured(with_exif(tmp_path / "in.jpg", raw), tmp_path / f"out{target}")
    assert tags(read_block(out))[270] == TEXT.encode() + b"\0"


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize(
    ("start", "raw"), [(2, b"\x63\0"), (4, b"\xff\xff\xff\x7f"), (8, b"\xf0" * 4)]
)
def test_a_damaged_tag_costs_itself_alone(
    start: int, raw: bytes, target: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = bytearray(block())
    place = data.find(struct.pack("<HH", 271, 2)) + start
    data[place : place + len(raw)] = raw
    path = with_exif(tmp_path / "in.jpg", bytes(data))
    before, after = tags(block()), tags(read_block(coloured(path, tmp_path / f"out{target}")))
    assert 271 not in after
    assert all(after[tag] == before[tag] for tag in (270, 315, 40091, 37510, 36867))
    assert "dropped damaged tags of its EXIF (271)" in caplog.text


def test_a_tag_of_megabytes_is_said_to_stay_behind(
    cat: Image.Image, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cat.convert("L").save(tmp_path / "in.tif", tiffinfo={270: "mill", 65000: b"x" * 2_000_000})
    after = tags(read_block(coloured(tmp_path / "in.tif", tmp_path / "out.png")))
    assert 65000 not in after
    assert "mill" in after[270].decode()
    assert "in.tif: its tag 65000 is larger than is copied" in caplog.text


@pytest.mark.parametrize("target", ["main", "details", "value"])
def test_a_thumbnail_that_points_at_what_stays(target: str, tmp_path: Path) -> None:
    data = bytearray(block())
    found = Tiff(io.BytesIO(bytes(data)))
    main = found.directory(8)
    place = {"main": 8, "details": found.value(main, exif.EXIF), "value": len(data)}[target]
    struct.pack_into("<I", data, 10 + 12 * len(main.entries), place)
    start = struct.pack("<I", main.entries[270].start)  # of the caption
    data += exif.directory([(513, 4, 1, start), (514, 4, 1, b"\x09\0\0\0")], len(data), "<")
    out = coloured(with_exif(tmp_path / "in.jpg", bytes(data)), tmp_path / "out.jpg")
    before, after = tags(block()), tags(read_block(out))
    assert all(after[tag] == before[tag] for tag in (270, 315, 40091, 37510, 36867))


def test_thumbnails_go(tmp_path: Path) -> None:
    data = bytearray(block())
    place = 8 + 2 + 12 * int.from_bytes(data[8:10], "little")
    thumbnail = b"\xff\xd8THUMBNAIL" * 20
    data[place : place + 4] = struct.pack("<I", len(data))
    values = [(513, 4, 1, struct.pack("<I", len(data) + 30)), (514, 4, 1, struct.pack("<I", 220))]
    data += exif.directory(values, len(data), "<") + thumbnail
    path = with_exif(tmp_path / "in.jpg", bytes(data))
    for suffix in FORMATS:
        out = coloured(path, tmp_path / f"out{suffix}")
        assert b"THUMBNAIL" not in out.read_bytes()
        assert tags(read_block(out))[270] == tags(block())[270]


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("source", [".jpg", ".png", ".webp", ".tif"])
def test_xmp_stays_but_for_the_position(source: str, target: str, tmp_path: Path) -> None:
    path, grey = tmp_path / f"in{source}", Image.fromarray(whole(255, "u1"))
    more = PngInfo()
    more.add_itxt("XML:com.adobe.xmp", XMP.decode())
    options: dict[str, Any] = {"pnginfo": more} if source == ".png" else {"xmp": XMP}
    if source == ".tif":
        tiff(path, whole(255, "u1"), extratags=[(700, 1, len(XMP), XMP, True)])
    else:
        grey.save(path, **options)
    data = coloured(path, tmp_path / f"out{target}").read_bytes()
    assert f"<dc:description>{TEXT}</dc:description>".encode() in data
    assert b'photoshop:City="Ulm"' in data
    assert b"compositeWithTrainedAlgorithmicMedia" in data
    assert b"GPSL" not in data
    assert b"hdrgm:Version" not in data
    kept = coloured(path, tmp_path / f"kept{target}", position=True).read_bytes()
    assert b'exif:GPSLatitude="12,34.5N"' in kept
    assert b"98,7.6E" in kept


@pytest.mark.parametrize("packet", [b"<x:xmpmeta", XMP.replace(b"</dc:", b"</dd:"), b"\xff" * 99])
def test_damaged_xmp_is_dropped_with_a_warning(
    packet: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Image.fromarray(whole(255, "u1")).save(tmp_path / "in.jpg", xmp=packet)
    data = coloured(tmp_path / "in.jpg", tmp_path / "out.jpg").read_bytes()
    assert b"compositeWithTrainedAlgorithmicMedia" in data
    assert "out.jpg: its XMP is damaged, and dropped" in caplog.text


def test_xmp_that_grows_is_dropped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + XMP
    Image.fromarray(whole(255, "u1")).save(tmp_path / "in.jpg", xmp=bomb)
    coloured(tmp_path / "in.jpg", tmp_path / "out.jpg")
    assert "its XMP is damaged, and dropped (it declares entities)" in caplog.text


def test_xmp_of_more_than_a_segment_stays(tmp_path: Path) -> None:
    long = XMP.replace(TEXT.encode(), TEXT.encode() + b"x" * 150_000)
    more = PngInfo()
    more.add_itxt("XML:com.adobe.xmp", long.decode())
    Image.fromarray(whole(255, "u1")).save(tmp_path / "in.png", pnginfo=more)
    first = coloured(tmp_path / "in.png", tmp_path / "out.jpg")
    assert first.read_bytes().count(b"http://ns.adobe.com/xmp/extension/") == 3
    back = coloured(first, tmp_path / "back.png").read_bytes()
    assert TEXT.encode() + b"x" * 150_000 in back


def photoshop(number: int, raw: bytes) -> bytes:
    return b"8BIM" + struct.pack(">HHI", number, 0, len(raw)) + raw + bytes(len(raw) % 2)


@pytest.mark.parametrize("target", [".jpg", ".png", ".tif"])
def test_iptc_stays(target: str, tmp_path: Path) -> None:
    raw = TEXT.encode()
    records = b"\x1c\x01\x5a\0\3\x1b%G\x1c\x02\x78" + struct.pack(">H", len(raw)) + raw
    blocks = photoshop(0x0404, records) + photoshop(0x040C, b"THUMBNAIL") + photoshop(0x03F3, b"ok")
    path = with_segments(tmp_path / "in.jpg", (0xED, b"Photoshop 3.0\0" + blocks))
    first = coloured(path, tmp_path / f"out{target}")
    back = coloured(first, tmp_path / "back.jpg").read_bytes()  # which another reader would find
    assert photoshop(0x0404, records) in back
    assert b"THUMBNAIL" not in back


def test_iptc_that_a_format_cannot_hold_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocks = photoshop(0x0404, b"\x1c\x02\x78\0\4mill")
    path = with_segments(tmp_path / "in.jpg", (0xED, b"Photoshop 3.0\0" + blocks))
    coloured(path, tmp_path / "out.webp")
    assert "out.webp: its IPTC captions stay behind, since WEBP holds none" in caplog.text


@pytest.mark.parametrize(
    ("marker", "said"),
    [
        (0xEC, b"[picture info]\r\nTimeDate=883612800\r\n"),
        (0xE3, b"Meta\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"),  # Kodak's
    ],
)
def test_what_old_cameras_said_stays_in_jpeg(
    marker: int, said: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = with_segments(tmp_path / "in.jpg", (marker, said))
    assert said in coloured(path, tmp_path / "out.jpg").read_bytes()
    coloured(path, tmp_path / "out.png")
    assert "out.png: its details of old cameras and programs stay behind" in caplog.text


def test_comments_stay(tmp_path: Path) -> None:
    path = with_segments(tmp_path / "in.jpg", (0xFE, TEXT.encode()), (0xFE, b"second"))
    found = coloured(path, tmp_path / "out.jpg").read_bytes()
    assert b"\xff\xfe" + struct.pack(">H", len(TEXT.encode()) + 2) + TEXT.encode() in found
    with Image.open(coloured(path, tmp_path / "out.png")) as image:
        image.load()
        assert image.text["Comment"] in (TEXT, "second")  # type: ignore[attr-defined]


def test_texts_of_a_png_stay_but_for_positions(tmp_path: Path) -> None:
    info = PngInfo()
    info.add_text("Title", "Mill")
    info.add_text("Copyright", "Jörg Grün", zip=True)
    info.add_itxt("Description", TEXT, lang="en", tkey="Description")
    info.add_text("exif:GPSLatitude", "12/1, 34/1, 36/1")
    Image.fromarray(whole(255, "u1")).save(tmp_path / "in.png", pnginfo=info, dpi=(600, 600))
    with Image.open(coloured(tmp_path / "in.png", tmp_path / "out.png")) as image:
        image.load()
        texts = dict(image.text)  # type: ignore[attr-defined]
        assert texts.pop("XML:com.adobe.xmp")
        assert texts == {"Title": "Mill", "Copyright": "Jörg Grün", "Description": TEXT}
        assert image.info["dpi"] == pytest.approx((600, 600), abs=0.1)
    data = coloured(tmp_path / "in.png", tmp_path / "out.jpg").read_bytes()
    assert f"Description: {TEXT}".encode() in data


def test_orientation_is_said_of_the_pixels_that_are_written(tmp_path: Path) -> None:
    turned = exif.block_of([text(270, TEXT), (274, 3, 1, struct.pack("<H", 6))], {})
    path = with_exif(tmp_path / "in.jpg", turned)
    for suffix, right in ((".jpg", 6), (".png", 1), (".tif", 1), (".webp", 1)):
        after = tags(read_block(coloured(path, tmp_path / f"out{suffix}")))
        assert int.from_bytes(after.get(274, b"\1\0")[:2], "little") == right
        assert after[270] == tags(turned)[270]


def test_resolution_in_centimetres(tmp_path: Path) -> None:
    path = tiff(tmp_path / "in.tif", whole(SIXTEEN), resolution=(236.22, 236.22), resolutionunit=3)
    for suffix in (".png", ".tif", ".jpg"):
        with Image.open(coloured(path, tmp_path / f"out{suffix}")) as image:
            assert image.info["dpi"] == pytest.approx((600, 600), abs=1)


def test_damaged_metadata_never_stops_a_photograph(tmp_path: Path) -> None:
    """Random damage in every block: a result, or an error of ours."""
    chance = np.random.default_rng(0)
    comment = (0xFE, TEXT.encode())
    parts = [(0xE1, b"Exif\0\0" + block()), (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP)]
    parts.append((0xED, b"Photoshop 3.0\0" + photoshop(0x0404, b"\x1c\x02\x78\0\4mill")))
    good = with_segments(tmp_path / "in.jpg", *parts, comment).read_bytes()
    ends = [b for _, _, b in jpeg.segments(good)][:5]
    for number in range(150):
        data = bytearray(good)
        for place in chance.integers(30, ends[-1], 6):
            data[place] = chance.integers(256)
        (tmp_path / "in.jpg").write_bytes(data)
        suffix = FORMATS[number % 4]
        try:
            read = photo.read(tmp_path / "in.jpg")
        except PhotoError:
            continue
        write(read.luma.convert("RGB"), tmp_path / f"out{suffix}", read)
        with Image.open(tmp_path / f"out{suffix}") as image:
            image.load()


def test_a_damaged_detail_of_a_png_costs_itself_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = PngInfo()
    text.add_text("Title", "a mill")
    image = Image.linear_gradient("L")
    image.save(tmp_path / "a.png", dpi=(300, 300), pnginfo=text)
    data = bytearray((tmp_path / "a.png").read_bytes())
    data[data.index(b"pHYs") + 12] ^= 1  # its checksum does not fit any more
    (tmp_path / "a.png").write_bytes(data)
    found = photo.read(tmp_path / "a.png")
    assert found.luma.tobytes() == image.tobytes()
    assert (found.dpi, len(found.metadata.texts)) == (None, 1)
    assert "a.png: has damaged details, which are dropped" in caplog.text
    data[data.index(b"IDAT") + 9] ^= 1
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(PhotoError, match="damaged"):
        photo.read(tmp_path / "a.png")
