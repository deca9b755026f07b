"""What a file says of its photograph: EXIF, XMP and resolution; what of it is kept, and added.

Camera, date and author are kept, the position only if asked for. A coloured file says in its XMP
that an algorithm made the colour, as the press does it: IPTC's digital source type
(https://cv.iptc.org/newscodes/digitalsourcetype/).
"""

from typing import Any

from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

Tag = ExifTags.Base
KEEPS_EXIF = ("JPEG", "PNG", "WEBP", "TIFF")
KEPT_TAGS = (Tag.ImageDescription, Tag.Make, Tag.Model, Tag.DateTime, Tag.Artist, Tag.Copyright)
# Of the Exif directory all is kept but what would no longer be true or cannot be copied.
DROPPED_TAGS = (
    Tag.MakerNote,
    Tag.ExifInteroperabilityOffset,
    Tag.ExifImageWidth,
    Tag.ExifImageHeight,
)
SOURCE_TYPE = "compositeWithTrainedAlgorithmicMedia"
XMP = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/{SOURCE_TYPE}"/>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""
XMP_TAG = 700  # of TIFF


def kept_exif(exif: Image.Exif) -> Image.Exif:
    """What is kept of a photograph's EXIF: without orientation and position."""
    kept = Image.Exif()
    kept.update({tag: exif[tag] for tag in KEPT_TAGS if tag in exif})
    details = exif.get_ifd(ExifTags.IFD.Exif)
    kept.get_ifd(ExifTags.IFD.Exif).update(
        {tag: value for tag, value in details.items() if tag not in DROPPED_TAGS}
    )
    return kept


def position(exif: Image.Exif) -> dict[int, Any]:
    """The EXIF's GPS directory."""
    return dict(exif.get_ifd(ExifTags.IFD.GPSInfo))


def resolution(image: Image.Image) -> tuple[float, float] | None:
    """Dots per inch, where the file has a number for it."""
    dpi = image.info.get("dpi")
    return dpi if dpi and all(0 < float(side) < float("inf") for side in dpi) else None


def save_options(
    kept: Image.Exif, position: dict[int, Any], file_format: str, orientation: int = 1
) -> dict[str, Any]:
    """Options of Pillow's `save` that write EXIF and XMP.

    Args:
        kept: of `kept_exif`.
        position: a GPS directory to write, or nothing.
        file_format: as Pillow calls it.
        orientation: of pixels that are not upright.
    """
    if file_format not in KEEPS_EXIF:
        return {}
    exif = Image.Exif()
    exif.update(kept)
    if orientation != 1:
        exif[Tag.Orientation] = orientation
    details = kept.get_ifd(ExifTags.IFD.Exif)
    directories = {ExifTags.IFD.Exif: details} if details else {}
    if position:
        directories[ExifTags.IFD.GPSInfo] = position
    for directory, tags in directories.items():
        exif.get_ifd(directory).update(tags)
    if file_format == "TIFF":
        exif[XMP_TAG] = XMP.encode()
        # Pillow writes directories into uncompressed files alone.
        return {"exif": exif.tobytes(), "compression": "raw"} if directories else {"exif": exif}
    data = exif.tobytes()  # of the object itself, Pillow would pass over new directories
    if file_format == "PNG":
        text = PngInfo()
        text.add_itxt("XML:com.adobe.xmp", XMP)
        return {"exif": data, "pnginfo": text}
    return {"exif": data, "xmp": XMP.encode()}
