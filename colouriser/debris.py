"""What is in a folder of photographs and is none: files of systems, NAS, photo managers and clouds,
half downloads and backups, told by their names."""

import re
from collections import Counter
from dataclasses import dataclass, field

from .errors import ColouriserError, PhotoError

SYSTEM_FOLDERS = (
    "__macosx", "network trash folder", "temporary items", "ipod photo cache",
    "system volume information", "$recycle.bin", "recycler", "recycled", "found.000", "lost+found",
    "@eadir", "@tmp", "@recycle", "@recently-snapshot", "@__thumb", "@sharebin", "#recycle",
    "#snapshot", "~snapshot", "files_trashbin", "files_versions", "pwg_representative",
)  # fmt: skip
SYSTEM_FILES = (
    "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "picasa.ini", "albumart.pamp",
    "zbthumbnail.info", "pspbrwse.jbf", "thumbnails-digikam.db",
)  # fmt: skip
SYSTEM_ENDINGS = (".lrdata", ".lrcat-data", ".thm", ".cocatalog", ".cosessiondb")
# Of the libraries of Apple's programs, all but the folders with what was put into them.
LIBRARIES = (
    "iphoto library", ".photoslibrary", ".photolibrary", ".aplibrary", ".migratedphotolibrary",
)  # fmt: skip
DERIVED = (
    "resources", "database", "private", "external", "internal", "scopes", "thumbnails", "previews",
    "caches", "faces", "data", "data.noindex", "attachments",
)  # fmt: skip
HALVES = (
    ".part", ".partial", ".crdownload", ".download", ".opdownload", ".filepart", ".unfinished",
    ".tmp", ".temp", ".!ut", ".!qb", ".aria2",
)  # fmt: skip
BACKUPS = ("~", ".bak", ".backup", ".orig", ".old", "_original")  # the last is exiftool's
PLACEHOLDER = re.compile(r"\.(.+\.\w+)\.icloud", re.DOTALL)


def debris(name: str, folder: str = "") -> str:
    """Which kind of debris a file is, as `PassedOver` counts it; "" for none.

    Args:
        name: of the file below a folder, with slashes.
        folder: the folder's own name, which tells whether it is a library.
    """
    parent = folder.casefold()
    parts = name.casefold().split("/")
    for depth, part in enumerate(parts, 1):
        if part.startswith(".") and part.strip("."):  # "..": reading says what is wrong
            return "hidden"
        derived = parent.endswith(LIBRARIES) and part in DERIVED
        if part in SYSTEM_FOLDERS or part.endswith(SYSTEM_ENDINGS) or derived:
            return "system"
        whole = depth < len(parts) and not part.endswith(".download")  # a folder of Safari's
        if (not whole and part.endswith(HALVES)) or part.startswith(("~$", "~syncthing~")):
            return "half"
        parent = part
    if parts[-1] in SYSTEM_FILES:
        return "system"
    return "backup" if parts[-1].endswith(BACKUPS) else ""


@dataclass
class PassedOver:
    """What was passed over: how many files of each kind, and photographs of formats that cannot be
    read."""

    counts: Counter[str] = field(default_factory=Counter)  # by `debris`; "film", "packed", "other"
    unread: list[ColouriserError] = field(default_factory=list)
    films: set[str] = field(default_factory=set)  # names of those that are counted as films

    def add(self, other: "PassedOver") -> None:
        """Add what was passed over elsewhere."""
        self.counts += other.counts
        self.unread += other.unread
        self.films |= other.films

    def reports(self) -> list[ColouriserError]:
        """A line for each kind and each photograph."""
        count = self.counts
        kinds = {
            "hidden": PhotoError("hidden", "hidden files: {count}", count=count["hidden"]),
            "system": PhotoError("system", "files of systems: {count}", count=count["system"]),
            "half": PhotoError("half", "half downloads: {count}", count=count["half"]),
            "backup": PhotoError("backup", "backup copies: {count}", count=count["backup"]),
            "film": PhotoError("films", "films and sounds: {count}", count=count["film"]),
            "packed": PhotoError(
                "archives", "archives and documents: {count}", count=count["packed"]
            ),
            "other": PhotoError("others", "other files: {count}", count=count["other"]),
        }
        return [*(line for kind, line in kinds.items() if count[kind]), *self.unread]

    def lines(self) -> list[str]:
        """The same in English: first the kinds, in one line."""
        reports = [str(report) for report in self.reports()]
        kinds = reports[: len(reports) - len(self.unread)]
        named = reports[len(kinds) :]
        return [f"passed over: {line}" for line in (["; ".join(kinds)] if kinds else []) + named]
