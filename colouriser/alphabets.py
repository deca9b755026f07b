"""Guesses the alphabet of names that do not say it, such as those in some zip archives.

Each alphabet is tried, and that in which most signs look as in words is taken. Libraries that guess
encodings want sentences; names are a few letters.
"""

LOOKED_AT = 1000  # names; looking takes time
LATIN = ("cp437", "cp850", "cp1252")  # DOS, of Western Europe, Windows
CYRILLIC = ("cp866", "cp1251")
# Of two bytes a sign: the first and the second bytes of those that are usual.
TWO_BYTES = {
    "cp932": (range(0x81, 0x98), range(0x40, 0x100)),  # kana, and half of the kanji
    "cp949": (range(0xB0, 0xC9), range(0xA1, 0x100)),  # syllables
    "big5": (range(0xA4, 0xC7), range(0x40, 0x100)),  # half of the signs
    "gbk": (range(0xB0, 0xD8), range(0xA1, 0x100)),  # half of the signs
}


def decode_names(names: list[bytes]) -> list[str]:
    """Names of one archive as text; what is in no alphabet is replaced."""
    try:
        b"\n".join(names).decode("utf-8")
        alphabet = "utf-8"
    except UnicodeDecodeError:
        some = b"\n".join(names[:LOOKED_AT])
        alphabets = [*LATIN, *TWO_BYTES, *CYRILLIC]  # of equally likely ones the first is taken
        alphabet = max(alphabets, key=lambda one: _likeness(some, one))
    return [name.decode(alphabet, "replace") for name in names]


def _likeness(names: bytes, alphabet: str) -> float:
    """Share of the signs beyond ASCII that look as in words, from 0 to 1."""
    try:
        text = names.decode(alphabet)
    except UnicodeDecodeError:
        return 0.0
    found = [
        _usual(sign, alphabet, text[max(0, place - 2) : place], text[place + 1 : place + 3])
        for place, sign in enumerate(text)
        if not sign.isascii()
    ]
    return sum(found) / max(1, len(found))


def _usual(sign: str, alphabet: str, before: str, after: str) -> bool:
    """Whether a sign looks as in a word, between the two signs before and after it."""
    if alphabet in TWO_BYTES:
        both, (leads, trails) = sign.encode(alphabet), TWO_BYTES[alphabet]
        known = len(both) == 2 and both[0] in leads and both[1] in trails
    elif before[-1:].islower() and sign.isupper():
        return False
    elif alphabet in LATIN:  # accents are few in a word
        return sign.isalpha() and sign < "\u0250" and _has_ascii_letter(before + after)
    else:
        known = "\u0410" <= sign <= "\u044f" or sign in "ЁёІіЇїЄєҐґ"
        known = known and (sign not in "ьъЬЪ" or before[-1:].isalpha())  # which begin no word
    return known and not _has_ascii_letter(before[-1:] + after[:1])


def _has_ascii_letter(text: str) -> bool:
    return any(sign.isascii() and sign.isalpha() for sign in text)
