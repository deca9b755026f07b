"""Kinds of files that an archivist tried: each once read wrongly, or lost something, silently."""

import io
import logging
import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image
from skimage.color import lab2rgb

from colouriser import PhotoError, photo
from colouriser.debris import debris
from colouriser.photo import items, png

from .files import SIXTEEN, bare_tiff, grey_profile, ramp, read_luma, srgb, whole, write


def block(kind: int, value: bytes) -> bytes:
    """EXIF with an orientation as a number of this type."""
    entry = struct.pack("<HHI", ExifTags.Base.Orientation, kind, 1) + value.ljust(4, b"\0")
    return b"II*\0\x08\0\0\0\x01\0" + entry + bytes(4)


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_an_orientation_in_four_bytes_is_applied_once(
    suffix: str, cat: Image.Image, tmp_path: Path
) -> None:
    source, out = tmp_path / f"a{suffix}", tmp_path / f"out{suffix}"
    cat.save(source, exif=b"Exif\0\0" + block(4, struct.pack("<I", 6)))
    read = photo.read(source)
    assert read.luma.size == cat.size[::-1]
    write(read.luma.convert("RGB"), out, read)
    with Image.open(out) as image:
        assert image.getexif()[ExifTags.Base.Orientation] == 1


def test_a_position_in_an_odd_place_goes(cat: Image.Image, tmp_path: Path) -> None:
    packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22'
    packet += b'-rdf-syntax-ns#"><rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/" '
    packet += b'exif:GPSLatitude="52,31.2N"/></rdf:RDF></x:xmpmeta>'
    buffer = io.BytesIO()
    cat.save(buffer, "PNG")
    text = (b"tEXt", b"XML:com.adobe.xmp\0" + packet)
    (tmp_path / "a.png").write_bytes(png.with_chunks(buffer.getvalue(), [text]))
    write(cat, tmp_path / "out.png", photo.read(tmp_path / "a.png"))
    assert b"GPSLatitude" not in (tmp_path / "out.png").read_bytes()


def test_a_palette_that_counts_to_255(tmp_path: Path) -> None:
    values = np.arange(160, dtype=np.uint8)[None].repeat(40, 0)
    grey = np.arange(256, dtype=np.uint16)
    tifffile.imwrite(
        tmp_path / "a.tif", values, photometric="palette", colormap=np.stack([grey] * 3)
    )
    assert np.abs(read_luma(tmp_path / "a.tif") - values).max() <= 1


@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_strips_that_were_never_written_are_damage(depth: type, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.full((64, 64), 99, depth), rowsperstrip=16, photometric="minisblack")
    with tifffile.TiffFile(path, mode="r+") as file:
        places = file.pages.first.tags[273]
        places.overwrite([*places.value[:2], 0, 0])
    with pytest.raises(PhotoError, match="never written"):
        photo.read(path)


def test_linear_light_by_its_code(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), (128, 128, 128)).save(buffer, "PNG")
    (tmp_path / "a.png").write_bytes(
        png.with_chunks(buffer.getvalue(), [(b"cICP", bytes([1, 8, 0, 1]))])
    )
    assert abs(read_luma(tmp_path / "a.png") - 188).max() <= 1


@pytest.mark.parametrize("kind", ["png", "heic", "avif"])
@pytest.mark.parametrize(("code", "transfer"), [(148, 16), (191, 18)])  # 58 % of PQ, 75 % of HLG
def test_the_white_of_paper_in_a_picture_for_brighter_screens(
    code: int, transfer: int, kind: str, tmp_path: Path
) -> None:
    import pillow_heif

    image, path, buffer = (
        Image.new("RGB", (64, 64), (code,) * 3),
        tmp_path / f"a.{kind}",
        io.BytesIO(),
    )
    if kind == "heic":
        pillow_heif.from_pillow(image).save(path, quality=-1, transfer_characteristics=transfer)
    elif kind == "png":
        image.save(buffer, "PNG")
        code_points = (b"cICP", bytes([9, transfer, 0, 1]))
        path.write_bytes(png.with_chunks(buffer.getvalue(), [code_points]))
    else:
        image.save(buffer, "AVIF", quality=100)
        head, mark, rest = buffer.getvalue().partition(b"colrnclx")
        path.write_bytes(head + mark + rest[:3] + bytes([transfer]) + rest[4:])
    assert np.abs(read_luma(path) - 246.0).max() <= 2  # a little of what is brighter stays
    assert np.abs(np.asarray(photo.read_picture(path)) - 246.0).max() <= 2


@pytest.mark.parametrize(("largest", "white"), [(255, 1.0), (65535, 1.0), (213, 255.0)])
def test_floats_are_believed_more_than_their_tag(
    largest: int, white: float, tmp_path: Path
) -> None:
    values = ramp(213 if largest == 213 else 1.0).astype(np.float32)
    extra = [(281, "H", 1, largest, True)]
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack", extratags=extra)
    expected = values / white * 255
    assert np.abs(read_luma(tmp_path / "a.tif") - expected).max() <= 1.5


@pytest.mark.parametrize("suffix", [".jpg", ".bmp"])
def test_transparency_that_is_left_is_said(
    suffix: str, cat: Image.Image, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clear = cat.copy()
    clear.putalpha(90)
    clear.save(tmp_path / "a.png")
    with caplog.at_level(logging.WARNING):
        photo.encode(cat, f"out{suffix}", photo.read(tmp_path / "a.png"))
    assert "its transparency is left" in caplog.text


def test_captions_in_boxes_of_jpeg_2000(cat: Image.Image, tmp_path: Path) -> None:
    buffer, text = io.BytesIO(), "Großmutter".encode()
    cat.save(buffer, "JPEG2000")
    exif = Image.Exif()
    exif[ExifTags.Base.Artist] = "Joerg"
    packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22'
    packet += b'-rdf-syntax-ns#"><rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" '
    packet += b'dc:title="' + text + b'"/></rdf:RDF></x:xmpmeta>'
    iptc = b"\x1c\x02\x78" + struct.pack(">H", len(text)) + text
    boxes = (
        ("be7acfcb97a942e89c71999491e3afac", packet),
        ("4a706754696666457869662d3e4a5032", exif.tobytes()),
        ("33c7a4d2b81d4723a0baf1a3e097ad38", iptc),
    )
    data = buffer.getvalue()
    for number, content in boxes:
        raw = bytes.fromhex(number) + content
        data += struct.pack(">I4s", 8 + len(raw), b"uuid") + raw
    (tmp_path / "a.jp2").write_bytes(data)
    write(cat, tmp_path / "out.png", photo.read(tmp_path / "a.jp2"))
    found = dict.fromkeys((b"iTXt", b"eXIf", b"zTXt"), b"")
    for name, content in png.chunks((tmp_path / "out.png").read_bytes()):
        found[name] = found.get(name, b"") + content
    assert text in found[b"iTXt"]
    assert b"Joerg" in found[b"eXIf"]
    assert text.hex() in zlib.decompress(found[b"zTXt"].partition(b"\0")[2][1:]).decode().replace(
        "\n", ""
    )


def test_a_caption_that_names_the_coordinates_stays_text(cat: Image.Image, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "Bench mark 52.520833 with aunt Ida"
    exif.get_ifd(ExifTags.IFD.GPSInfo).update({2: (52.0, 31.0, 15.0), 4: (13.0, 24.0, 0.0)})
    cat.save(tmp_path / "a.jpg", exif=exif)
    write(cat, tmp_path / "out.png", photo.read(tmp_path / "a.jpg"))
    with Image.open(tmp_path / "out.png") as image:
        said = image.getexif()[ExifTags.Base.ImageDescription]
    assert said == "Bench mark           with aunt Ida"


def test_twelve_bits_that_break_off_are_damage(tmp_path: Path) -> None:
    import imagecodecs

    data = imagecodecs.jpeg_encode(whole(4095), bitspersample=12)
    (tmp_path / "a.jpg").write_bytes(data)
    assert photo.read(tmp_path / "a.jpg").luma.size == ramp().shape[::-1]
    (tmp_path / "b.jpg").write_bytes(data[: len(data) // 2])
    with pytest.raises(PhotoError, match="its end is missing"):
        photo.read(tmp_path / "b.jpg")


def test_grey_of_a_phone_beyond_eight_bits(tmp_path: Path) -> None:
    import pillow_heif

    deep = whole(SIXTEEN)
    size = deep.shape[::-1]
    file = pillow_heif.from_bytes("I;16", size, deep.tobytes())
    file.save(tmp_path / "a.heic", quality=-1)
    assert np.abs(read_luma(tmp_path / "a.heic") - deep // 257).max() <= 2


def test_odd_numbers_are_refused(tmp_path: Path) -> None:
    values = whole(SIXTEEN)
    tifffile.imwrite(tmp_path / "a.tif", np.dstack([values] * 3), photometric="ycbcr")
    with pytest.raises(PhotoError, match="in an odd way"):
        photo.read(tmp_path / "a.tif")


def test_a_page_of_half_the_size_is_no_copy(
    cat: Image.Image, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cat = cat.resize((400, 300))
    large = np.asarray(cat.convert("L"))
    other, copy = np.asarray(cat.rotate(180).convert("L").reduce(2)), large[::2, ::2]
    for name, first in (("album", other), ("copy", copy)):
        with tifffile.TiffWriter(tmp_path / f"{name}.tif") as file:
            for page in (first, large):
                file.write(page, photometric="minisblack")
    assert read_luma(tmp_path / "copy.tif").shape == large.shape
    assert not caplog.records
    assert read_luma(tmp_path / "album.tif").shape == other.shape
    assert "has 2 pages" in caplog.text


@pytest.mark.parametrize("numbers", [b"7 8 9", b"7 8 9 x", b"7 8 9 -9 1e3"])
def test_numbers_in_text_are_not_made_up(numbers: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.pgm").write_bytes(b"P2 2 2 4095\n" + numbers)
    with pytest.raises(PhotoError, match="damaged"):
        photo.read(tmp_path / "a.pgm")


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_that_lacks_the_mark_of_its_end(
    progressive: bool, cat: Image.Image, tmp_path: Path
) -> None:
    cat.save(tmp_path / "whole.jpg", progressive=progressive)
    data = (tmp_path / "whole.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(data[:-2])
    expected = read_luma(tmp_path / "whole.jpg")
    assert np.array_equal(read_luma(tmp_path / "a.jpg"), expected)
    write(cat, tmp_path / "out.jpg", photo.read(tmp_path / "a.jpg"))
    assert np.array_equal(read_luma(tmp_path / "out.jpg"), expected)
    (tmp_path / "b.jpg").write_bytes(data[: len(data) * 9 // 10])
    with pytest.raises(PhotoError, match="incomplete"):
        photo.read(tmp_path / "b.jpg")


def test_xmp_of_a_gif(cat: Image.Image, tmp_path: Path) -> None:
    packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22'
    packet += b'-rdf-syntax-ns#"><rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" '
    packet += "dc:title='Mühle'/></rdf:RDF></x:xmpmeta>".encode()
    buffer = io.BytesIO()
    cat.convert("L").save(buffer, "GIF")
    start = 13 + 3 * 256
    block = b"\x21\xff\x0bXMP DataXMP" + packet + b"\1" + bytes(range(255, -1, -1)) + b"\0"
    data = buffer.getvalue()
    (tmp_path / "a.gif").write_bytes(data[:start] + block + data[start:])
    write(cat, tmp_path / "out.png", photo.read(tmp_path / "a.gif"))
    assert "Mühle".encode() in (tmp_path / "out.png").read_bytes()


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_one_grey_that_is_transparent(bits: int, tmp_path: Path) -> None:
    rows = [0b0001_0010, 0b0111_1000, 0b1011_0001]  # bytes: values of 8, 4, 2 or 1 bits
    pixels = np.unpackbits(np.array(rows, np.uint8)).reshape(-1, bits)
    values = (pixels * 2 ** np.arange(bits)[::-1]).sum(1)
    clear = int(values[0])
    head = struct.pack(">IIBBBBB", len(values), 1, bits, 0, 0, 0, 0)
    parts = [(b"IHDR", head), (b"tRNS", struct.pack(">H", clear))]
    parts += [(b"IDAT", zlib.compress(b"\0" + bytes(rows))), (b"IEND", b"")]
    (tmp_path / "a.png").write_bytes(png.START + b"".join(png.chunk(*part) for part in parts))
    alpha = photo.read(tmp_path / "a.png").alpha
    assert alpha is not None
    assert np.array_equal(np.asarray(alpha)[0] == 0, values == clear)


def jpeg_2000(samples: np.ndarray, profile: bytes, bits: int | None = None) -> bytes:
    """A JPEG 2000, whose box of colour holds a profile, if one is given."""
    data = bytes(imagecodecs.jpeg2k_encode(samples, level=0, codecformat="jp2", bitspersample=bits))
    if not profile:
        return data
    colour, header = data.find(b"colr") - 4, data.find(b"jp2h") - 4
    size, whole = (int.from_bytes(data[at : at + 4], "big") for at in (colour, header))
    box = struct.pack(">I4s3B", 11 + len(profile), b"colr", 2, 0, 0) + profile
    head = data[:header] + struct.pack(">I", whole - size + len(box)) + data[header + 4 : colour]
    return head + box + data[colour + size :]


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_profile_of_a_grey_jpeg_2000(depth: int, channels: int, tmp_path: Path) -> None:
    grey = whole(2**depth - 1, f"u{depth // 8}")
    samples = np.dstack([grey, np.full_like(grey, 2**depth - 1)][:channels]).squeeze()
    (tmp_path / "a.jp2").write_bytes(jpeg_2000(samples, grey_profile(1.0)))
    right = srgb(grey / (2**depth - 1)) * 255
    assert np.abs(read_luma(tmp_path / "a.jp2") - right).max() <= 1


@pytest.mark.parametrize("bits", [1, 4, 7])
def test_white_of_a_jpeg_2000_of_few_bits(bits: int, tmp_path: Path) -> None:
    grey = whole(2**bits - 1, "u1")
    (tmp_path / "a.jp2").write_bytes(jpeg_2000(grey, b"", bits))
    right = grey / (2**bits - 1) * 255
    assert np.abs(read_luma(tmp_path / "a.jp2") - right).max() <= 1


@pytest.mark.parametrize(("across", "down"), [(1, 1), (2, 2)])
def test_uncompressed_ycbcr(
    across: int, down: int, colour_cat: Image.Image, tmp_path: Path
) -> None:
    picture = colour_cat.crop((0, 0, 448, 300)).convert("YCbCr")
    luma, *chroma = (np.asarray(channel) for channel in picture.split())
    units = luma.reshape(300 // down, down, 448 // across, across).transpose(0, 2, 1, 3)
    units = units.reshape(*units.shape[:2], across * down)
    data = np.dstack([units, *(channel[::down, ::across] for channel in chroma)]).tobytes()
    entries = [(256, 4, 1, 448), (257, 4, 1, 300), (258, 3, 3, 134), (259, 3, 1, 1), (262, 3, 1, 6)]
    entries += [(273, 4, 1, 140), (277, 3, 1, 3), (278, 4, 1, 300), (279, 4, 1, len(data))]
    entries += [(530, 3, 2, across | down << 16)]
    head = b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries))
    head += b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    assert len(head) == 134
    (tmp_path / "a.tif").write_bytes(head + struct.pack("<3H", 8, 8, 8) + data)
    apart = np.abs(read_luma(tmp_path / "a.tif").astype(int) - luma)
    assert np.quantile(apart, 0.99) <= 1  # more where shared chroma leads out of RGB
    true = np.asarray(colour_cat.crop((0, 0, 448, 300)), int)
    assert np.abs(np.asarray(photo.read_picture(tmp_path / "a.tif"), int) - true).mean() < 4
    (tmp_path / "b.tif").write_bytes((tmp_path / "a.tif").read_bytes()[:-1000])
    with pytest.raises(PhotoError, match=r"b\.tif: damaged"):
        photo.read(tmp_path / "b.tif")


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_damage_inside_of_a_jpeg_is_said(
    mode: str,
    progressive: bool,
    colour_cat: Image.Image,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    buffer = io.BytesIO()
    colour_cat.convert(mode).save(buffer, "JPEG", quality=95, progressive=progressive)
    data, end = buffer.getvalue(), b"\xff\xd9"
    half = data[: len(data) // 2]
    hole = half + bytes(2000) + data[len(half) + 2000 :]
    for damaged in (half + end, half + bytes(len(half)) + end, hole):
        (tmp_path / "a.jpg").write_bytes(damaged)
        caplog.clear()
        photo.read(tmp_path / "a.jpg")
        assert "a.jpg: parts of it are damaged" in caplog.text
    (tmp_path / "a.jpg").write_bytes(data)
    caplog.clear()
    with Image.open(buffer) as image:
        image.draft("L", None)
        luma = image.convert("L")
    np.testing.assert_array_equal(photo.read(tmp_path / "a.jpg").luma, luma)
    assert "damaged" not in caplog.text


def test_what_a_thumbnail_in_front_says_is_of_its_photograph(tmp_path: Path) -> None:
    """Captions and orientation of scanners stand in the first directory, of a small picture."""
    values = whole(255, "u1")
    said = [(315, "s", 0, "Joerg", True), (274, "H", 1, 6, True)]
    for name, below in (("a.tif", 1), ("b.tif", 0)):
        with tifffile.TiffWriter(tmp_path / name) as writer:
            writer.write(
                values[::4, ::4],
                subfiletype=1,
                subifds=below,
                description="a mill",
                metadata=None,
                extratags=said,
            )
            writer.write(values, metadata=None)
        found = photo.read(tmp_path / name)
        np.testing.assert_array_equal(found.luma, np.rot90(values, -1))
        np.testing.assert_array_equal(
            photo.read_picture(tmp_path / name).convert("L"), np.rot90(values, -1)
        )
        assert b"a mill" in found.metadata.exif


def test_letters_of_an_avif_that_is_turned_stay(cat: Image.Image, tmp_path: Path) -> None:
    """Its pixels are turned by what stands beside EXIF, which says nothing of it."""
    made = Image.Exif()
    made[ExifTags.Base.Orientation] = 6
    made[ExifTags.Base.Artist] = "Muehle, XXXXXXX"
    cat.save(tmp_path / "a.avif", exif=made.tobytes())
    data = (tmp_path / "a.avif").read_bytes()
    letters = "Mühle, 水車".encode()
    data = data.replace(b"Muehle, XXXXXXX", letters.ljust(15, b"."))
    (tmp_path / "a.avif").write_bytes(data)
    found = photo.read(tmp_path / "a.avif")
    assert found.luma.size == cat.size[::-1]
    assert letters in found.metadata.exif
    for damaged in range(data.index(b"iloc"), data.index(b"iloc") + 30):
        (tmp_path / "b.avif").write_bytes(data[:damaged] + b"\xff" + data[damaged + 1 :])
        try:
            photo.read(tmp_path / "b.avif")
        except PhotoError:
            continue


def test_a_directory_of_items_has_an_end() -> None:
    """Many parts of no size, and one that is named often."""
    part = struct.pack(">HHH", 1, 0, 65535)
    info = b"\0\0\0\0\0\1" + struct.pack(">I4s", 21, b"infe") + b"\2\0\0\0\0\1\0\0Exif\0"

    def file(sizes: bytes, count: int, parts: bytes) -> bytes:
        places = b"\0\0\0\0" + sizes + struct.pack(">H", count) + parts
        inner = struct.pack(">I4s", 8 + len(info), b"iinf") + info
        inner += struct.pack(">I4s", 8 + len(places), b"iloc") + places
        return struct.pack(">I4s", 12 + len(inner), b"meta") + bytes(4) + inner

    with pytest.raises(ValueError, match="too many parts"):
        items.exif(file(b"\0\0", 65535, part * 65535))
    often = struct.pack(">HHH", 1, 0, 900) + struct.pack(">II", 0, 5000) * 900
    assert len(items.exif(file(b"\x44\0", 1, often))) < 8000


@pytest.mark.parametrize("suffix", [".png", ".webp", ".jpg"])
def test_exif_that_is_none_costs_itself_alone(
    suffix: str, cat: Image.Image, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cat.save(tmp_path / f"a{suffix}", exif=b"Exif\0\0no EXIF at all", lossless=True)
    found = photo.read(tmp_path / f"a{suffix}")
    assert found.luma.size == cat.size
    photo.read_picture(tmp_path / f"a{suffix}")
    write(cat, tmp_path / "out.png", found)
    assert "its EXIF is damaged, and dropped" in caplog.text


@pytest.mark.parametrize("kind", [3, 8, 9])
def test_an_orientation_of_another_type_is_not_said_twice(
    kind: int, cat: Image.Image, tmp_path: Path
) -> None:
    value = struct.pack("<HH", 6, 6) if kind == 3 else struct.pack("<I", 6)
    raw = block(kind, value)
    if kind == 3:  # two of them
        raw = raw[:14] + struct.pack("<I", 2) + raw[18:]
    cat.save(tmp_path / "a.png", exif=b"Exif\0\0" + raw)
    found = photo.read(tmp_path / "a.png")
    assert found.luma.size == cat.size[::-1]
    write(found.luma.convert("RGB"), tmp_path / "out.png", found)
    assert photo.read(tmp_path / "out.png").luma.size == cat.size[::-1]


def test_what_lies_behind_a_jpeg_is_said(
    cat: Image.Image, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    buffer = io.BytesIO()
    cat.save(buffer, "JPEG")
    for rest, said in ((b"", False), (bytes(900), False), (b"AXS!captions", True)):
        (tmp_path / "a.jpg").write_bytes(buffer.getvalue() + rest)
        caplog.clear()
        photo.read(tmp_path / "a.jpg")
        assert ("captions of a press archive) is left" in caplog.text) == said


def test_segments_that_are_not_kept_are_said(
    cat: Image.Image, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    buffer = io.BytesIO()
    cat.save(buffer, "JPEG", exif=b"Exif\0\0" + block(3, b"\1\0"))
    data = buffer.getvalue()
    (tmp_path / "a.jpg").write_bytes(data)
    photo.read(tmp_path / "a.jpg")
    assert "stays behind" not in caplog.text
    again = b"Exif\0\0" + block(3, b"\6\0")
    for marker, content in ((0xE4, b"flight\0of a drone"), (0xE1, again)):
        head = b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2)
        place = data.index(b"\xff\xdb")
        (tmp_path / "a.jpg").write_bytes(data[:place] + head + content + data[place:])
        caplog.clear()
        assert photo.read(tmp_path / "a.jpg").luma.size == cat.size
        assert f"says in APP{marker - 0xE0} stays behind" in caplog.text


def test_layers_of_photoshop_are_said_to_stay_behind(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    layers = b"Adobe Photoshop Document Data Block\0" + bytes(40)
    tags = [(37724, 7, len(layers), layers, True)]
    tifffile.imwrite(tmp_path / "a.tif", whole(255, "u1"), extratags=tags)
    photo.read(tmp_path / "a.tif")
    assert "Photoshop's layers stay behind" in caplog.text


def test_a_record_in_a_jpeg_2000_stays(cat: Image.Image, tmp_path: Path) -> None:
    record = "<record><title>Mühle</title></record>".encode()
    cat.save(tmp_path / "a.jp2", irreversible=False)
    with (tmp_path / "a.jp2").open("ab") as file:
        file.write(struct.pack(">I4s", 8 + len(record), b"xml ") + record)
    write(cat, tmp_path / "out.png", photo.read(tmp_path / "a.jp2"))
    assert record in (tmp_path / "out.png").read_bytes()


def test_linear_light_of_an_avif(tmp_path: Path) -> None:
    light = np.rint(255 * ramp() ** 2.2).astype(np.uint8)
    Image.fromarray(light).convert("RGB").save(
        tmp_path / "a.avif", quality=100, subsampling="4:4:4"
    )
    data = (tmp_path / "a.avif").read_bytes()
    place = data.index(b"colrnclx") + 11
    assert data[place] != 8
    (tmp_path / "a.avif").write_bytes(data[:place] + b"\x08" + data[place + 1 :])
    bright = light > 40  # in the dark a step of eight bits is many of luma
    assert np.abs(read_luma(tmp_path / "a.avif") - 255 * ramp())[bright].max() <= 4


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0, 1, ""),
        (0, 1023, "white was taken to be 1023"),
        (0, 4095, "white was taken to be 4095"),
        (-1, 1, "has numbers below 0"),
    ],
)
def test_ranges_of_floats(
    low: int, high: int, said: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    values = (low + (high - low) * ramp()).astype(np.float32)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack")
    expected = (values / high * 255).clip(0)
    assert np.abs(read_luma(tmp_path / "a.tif") - expected).max() <= 1
    assert said in caplog.text if said else not caplog.text


def test_a_folder_that_is_called_like_a_download_is_one() -> None:
    assert debris("Family.tmp/a.jpg") == ""
    assert debris("scans/a.jpg.tmp") == debris("a.jpg.download/a.jpg") == "half"


def test_a_resolution_is_not_made_up(cat: Image.Image, tmp_path: Path) -> None:
    cat.convert("L").save(tmp_path / "a.tif")  # without one
    assert photo.read(tmp_path / "a.tif").dpi is None
    cat.convert("L").save(tmp_path / "b.tif", dpi=(300, 400))
    assert photo.read(tmp_path / "b.tif").dpi == (300, 400)
    cat.save(tmp_path / "c.jpg", exif=b"Exif\0\0" + block(3, b"\1\0"))
    assert photo.read(tmp_path / "c.jpg").dpi is None
    made = Image.Exif()
    made[ExifTags.Base.XResolution] = made[ExifTags.Base.YResolution] = 300.0
    cat.save(tmp_path / "d.jpg", exif=made)
    assert photo.read(tmp_path / "d.jpg").dpi == (300, 300)


@pytest.mark.parametrize("largest", [1000, 40000])
def test_white_of_a_pgm_is_what_it_says(
    largest: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    values = whole(largest)
    head = f"P5 {values.shape[1]} {values.shape[0]} {largest}\n".encode()
    (tmp_path / "a.pgm").write_bytes(head + values.astype(">u2").tobytes())
    assert np.abs(read_luma(tmp_path / "a.pgm") - ramp(255)).max() <= 1
    assert not caplog.text


@pytest.mark.parametrize("bits", [8, 16])
def test_a_tiff_that_does_not_say_what_zero_is(bits: int, tmp_path: Path) -> None:
    values = whole(2**bits - 1, f"u{bits // 8}")
    path = bare_tiff(tmp_path / "a.tif", values.tobytes(), bits)
    path.write_bytes(path.read_bytes().replace(struct.pack("<HH", 262, 4), b"\x05\1\4\0"))
    assert np.abs(read_luma(path) - ramp(255)).max() <= 1


@pytest.mark.parametrize("white_is_zero", [False, True])
@pytest.mark.parametrize("extra", [["unspecified"], ["unassalpha"], ["unspecified"] * 2])
def test_grey_with_other_channels(extra: list[str], white_is_zero: bool, tmp_path: Path) -> None:
    grey = whole(255, "u1")
    samples = np.dstack(
        [255 - grey if white_is_zero else grey, *[np.full_like(grey, 200)] * len(extra)]
    )
    tifffile.imwrite(
        tmp_path / "a.tif",
        samples,
        photometric="miniswhite" if white_is_zero else "minisblack",
        planarconfig="contig",
        extrasamples=extra,
        compression="lzw",
    )
    read = photo.read(tmp_path / "a.tif")
    assert np.abs(np.asarray(read.luma, int) - grey).max() <= 1
    assert (read.alpha is not None) == (extra == ["unassalpha"])
    assert read.deep is None


def test_toned_lab_of_16_bits(tmp_path: Path) -> None:
    lightness = ramp()
    chroma = [np.full_like(lightness, value * 256) for value in (10, 20)]
    samples = np.dstack([lightness * SIXTEEN, *chroma]).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", samples, photometric="cielab")
    right = lab2rgb(np.dstack([lightness * 100, *[c / 256 for c in chroma]])) @ [
        0.299,
        0.587,
        0.114,
    ]
    assert np.abs(read_luma(tmp_path / "a.tif") - right * 255).max() <= 2


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_damaged_profile_is_said(
    suffix: str, cat: Image.Image, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, buffer = tmp_path / f"a{suffix}", io.BytesIO()
    if suffix == ".jpg":  # the first of two parts alone
        cat.save(buffer, "JPEG", icc_profile=bytes(70_000))
        data = buffer.getvalue()
        second = data.rfind(b"ICC_PROFILE\0\2\2") - 4
        size = int.from_bytes(data[second + 2 : second + 4], "big") + 2
        path.write_bytes(data[:second] + data[second + size :])
    else:
        cat.save(buffer, "PNG")
        path.write_bytes(png.with_chunks(buffer.getvalue(), [(b"iCCP", b"grey\0\0nothing")]))
    assert photo.read(path).luma.size == cat.size
    assert f"a{suffix}: its colour profile is damaged, and was not applied" in caplog.text


@pytest.mark.parametrize("depth", [8, 16])
def test_what_would_be_seen_nowhere_is_not_transparent(
    depth: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    grey = whole(2**depth - 1, f"u{depth // 8}")
    data = imagecodecs.png_encode(np.dstack([grey, np.zeros_like(grey)]))
    (tmp_path / "a.png").write_bytes(data)
    assert photo.read(tmp_path / "a.png").alpha is None
    assert "a.png: is transparent everywhere" in caplog.text


def test_bytes_that_fill_a_grey_jpeg(
    cat: Image.Image, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    buffer = io.BytesIO()
    cat.convert("L").save(buffer, "JPEG", quality=90)
    head, mark, scan = buffer.getvalue().partition(b"\xff\xda")
    for marker in (b"\xff\xdb", b"\xff\xc0", b"\xff\xc4"):
        head = head.replace(marker, b"\xff\xff\xff" + marker)
    (tmp_path / "a.jpg").write_bytes(head + b"\xff\xff" + mark + scan)
    read = photo.read(tmp_path / "a.jpg")
    write(cat, tmp_path / "out.jpg", read)
    assert not caplog.text  # nothing is encoded anew
    with Image.open(tmp_path / "out.jpg") as image:
        image.draft("L", None)
        np.testing.assert_array_equal(read.luma, image)
