"""XMP: kept letter by letter, but for coordinates and what is no longer true, and what is added.

A coloured file says in its XMP that an algorithm made the colour, as the press does it: IPTC's
digital source type (https://cv.iptc.org/newscodes/digitalsourcetype/).
"""

import re
from xml.etree import ElementTree

SOURCE_TYPE = "compositeWithTrainedAlgorithmicMedia"
NOTE = (
    '<{rdf}Description {rdf}about="" '
    'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"\n'
    ' Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/'
    f'{SOURCE_TYPE}"/>'
)
EMPTY = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""
POSITION = r"[\w.-]+:(?:[Gg][Pp][Ss]\w*|[Ll]atitude|[Ll]ongitude)|geo:(?:lat|long|alt)"
# Gain maps, films behind a photograph, thumbnails, C2PA, where more XMP lies, and our own note.
UNTRUE = (
    r"hdrgm:\w+|HDRGainMap:\w+|GCamera:(?:MicroVideo|MotionPhoto)\w*|G?Container:Directory|"
    r"xmp:Thumbnails|dcterms:provenance|xmpNote:HasExtendedXMP|Iptc4xmpExt:DigitalSourceType"
)
END_OF_RDF = re.compile(r"</((?:[\w.-]+:)?)RDF\s*>")
EMPTY_RDF = re.compile(r"<((?:[\w.-]+:)?)RDF(\s[^<>]*)?/>")
INSIDE = re.compile(r"<(?:[\w.-]+:)?RDF(?:\s[^<>]*)?>(.*)</(?:[\w.-]+:)?RDF\s*>", re.DOTALL)
MAX_BYTES = 16_000_000


def edited(packet: bytes, position: bool, orientation: int) -> bytes:
    """A packet of XMP, in UTF-8, with our note.

    Args:
        packet: as it was; may be empty.
        position: keep coordinates.
        orientation: of the pixels that it is written beside.

    Raises:
        ValueError: it is damaged.
    """
    text = _text(packet) if packet else EMPTY
    _check(text)
    text = _still_true(text, position, orientation)
    text = EMPTY_RDF.sub(r"<\1RDF\2></\1RDF>", text, count=1)
    ends = list(END_OF_RDF.finditer(text))
    if not ends:
        raise ValueError("it has no RDF")
    end = ends[-1]
    text = f"{text[: end.start()]}{NOTE.format(rdf=end[1])}\n{text[end.start() :]}"
    text = re.sub(r"\s+(<\?xpacket end=)", r"\n\1", text)  # room that programs leave for more
    _check(text)
    return text.encode()


def cleaned(packet: bytes, position: bool, orientation: int) -> bytes:
    """A file of XMP without what `edited` takes out; the same bytes if that is nothing.

    Raises:
        ValueError: it is damaged.
    """
    text = _text(packet)
    _check(text)
    if not END_OF_RDF.search(text) and not EMPTY_RDF.search(text):
        raise ValueError("it has no RDF")
    kept = _still_true(text, position, orientation)
    if kept == text:
        return packet
    return re.sub(r"(<\?xml[^>]*encoding=[\"'])[\w-]+", r"\g<1>UTF-8", kept).encode()


def _still_true(text: str, position: bool, orientation: int) -> str:
    text = _without(text, UNTRUE if position else f"{POSITION}|{UNTRUE}")
    text = re.sub(r"(tiff:Orientation\s*=\s*[\"'])\d", rf"\g<1>{orientation}", text)
    return re.sub(r"(<tiff:Orientation>)\d", rf"\g<1>{orientation}", text)


def joined(packet: bytes, more: bytes) -> bytes:
    """A packet, and what stands in another (that a JPEG had no room for in one).

    Raises:
        ValueError: one is damaged.
    """
    text, other = _text(packet), _text(more)
    inside, ends = INSIDE.search(other), list(END_OF_RDF.finditer(text))
    if not inside or not ends:
        raise ValueError("it has no RDF")
    text = text[: ends[-1].start()] + inside[1] + text[ends[-1].start() :]
    _check(text)
    return text.encode()


def _text(packet: bytes) -> str:
    if len(packet) > MAX_BYTES:
        raise ValueError("it is too long")
    packet = packet.strip(b"\0")
    if packet[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in packet[:4]:
        wide = "utf-16-be" if packet[:1] in (b"\xfe", b"\0") else "utf-16-le"
        packet = packet + bytes(len(packet) % 2)
        return packet.decode(wide).lstrip("\ufeff")
    return packet.decode("utf-8")


def _check(text: str) -> None:
    """Refuse what is not in order, or made to grow while it is read."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError("it declares entities")
    try:
        ElementTree.fromstring(
            re.sub(r"<\?.*?\?>", "", text, flags=re.DOTALL).strip("\ufeff \r\n\t\0")
        )
    except ElementTree.ParseError as error:
        raise ValueError(str(error)) from error


def _without(text: str, names: str) -> str:
    """Text without attributes and elements of these names."""
    text = re.sub(rf"<({names})(?:\s[^<>]*)?/>", "", text)
    text = re.sub(rf"<({names})(?:\s[^<>]*)?>.*?</\1\s*>", "", text, flags=re.DOTALL)
    return re.sub(rf"\s+(?:{names})\s*=\s*(?:\"[^\"]*\"|'[^']*')", "", text)
