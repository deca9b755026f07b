"""The manifest: what became of each photograph of an archive, in Parquet files beside the results.

    coloured/ship.jpg
    coloured.manifest/20261124T101500-000001.parquet

Each file holds the rows of some seconds of work and is never changed; of several rows about one
photograph the latest counts. At the end of a run they become one file.
"""

import io
import uuid
from dataclasses import dataclass
from datetime import datetime, timezone

import pyarrow
import pyarrow.compute
import pyarrow.parquet

from ..errors import ArchiveError, reason
from .store import Store

TIME = pyarrow.timestamp("ns", "UTC")
SCHEMA = pyarrow.schema(
    [
        pyarrow.field("source", pyarrow.string(), nullable=False),  # names below IN and OUT
        ("target", pyarrow.string()),
        ("bytes", pyarrow.int64()),  # of the source
        ("modified", TIME),  # the source
        ("width", pyarrow.int32()),  # pixels, upright
        ("height", pyarrow.int32()),
        ("result_bytes", pyarrow.int64()),
        ("seconds", pyarrow.float32()),  # from reading to writing
        ("model", pyarrow.string()),  # none: the result was there before, or is a copy
        ("commit", pyarrow.string()),  # of a Hub repository, or the checksum of the weights
        ("warnings", pyarrow.string()),  # lines; none: there is nothing to say
        ("error", pyarrow.string()),  # none: all went well
        ("finished", TIME),
    ]
)


@dataclass(frozen=True)
class Entry:
    """What the manifest says of a photograph."""

    bytes: int
    modified: int  # nanoseconds since 1970
    good: bool


class Manifest:
    """The manifest of a store with results. Written by one process alone."""

    def __init__(self, results: Store) -> None:
        self.store = results.beside(".manifest")
        self.rows: list[pyarrow.Table] = []

    def entries(self) -> dict[str, Entry]:
        """The latest row of each photograph, by source.

        Raises:
            ArchiveError: the manifest cannot be read, or is none of ours.
        """
        columns = ("source", "bytes", "modified", "error", "finished")
        table = pyarrow.concat_tables([SCHEMA.empty_table(), *map(self._read, self._names())])
        table = table.select(columns).sort_by("finished")
        modified = table["modified"].cast(pyarrow.int64()).to_pylist()
        good = pyarrow.compute.is_null(table["error"]).to_pylist()
        values = zip(table["bytes"].to_pylist(), modified, good, strict=True)
        entries = (Entry(*value) for value in values)
        return dict(zip(table["source"].to_pylist(), entries, strict=True))

    def add(self, rows: pyarrow.Table) -> None:
        """Add rows, which `flush` writes."""
        self.rows.append(rows)

    def flush(self) -> None:
        """Write what was added.

        Raises:
            ArchiveError: it cannot be written.
        """
        if self.rows:
            self._write(pyarrow.concat_tables(self.rows))
            self.rows = []

    def gather(self) -> None:
        """Make one file of all, with the latest row of each photograph.

        Raises:
            ArchiveError: they cannot be read or written.
        """
        self.flush()
        names = self._names()
        if len(names) < 2:
            return
        table = pyarrow.concat_tables([self._read(name) for name in names]).sort_by("finished")
        order = pyarrow.array(range(len(table)))
        last = table.append_column("order", order).group_by("source").aggregate([("order", "max")])
        table = table.take(last["order_max"]).sort_by("source")
        self._write(table)
        for name in names:  # a kill in between leaves rows twice, which does no harm
            self.store.delete(name)

    def check_writable(self) -> None:
        """Find out early whether there may be results.

        Raises:
            ArchiveError: nothing can be written there.
        """
        name = f".{uuid.uuid4().hex}"
        try:
            self.store.write(name, b"")
            self.store.delete(name)
        except OSError as error:
            raise self._unwritable(error) from error

    def _names(self) -> list[str]:
        names = (file.name for file in self.store.list_files())
        return sorted(name for name in names if name.endswith(".parquet") and "/" not in name)

    def _read(self, name: str) -> pyarrow.Table:
        try:
            with self.store.open(name) as file:
                table = pyarrow.parquet.read_table(io.BytesIO(file.read()))
            if "warnings" not in table.column_names:  # version 0.2 had none
                place = SCHEMA.get_field_index("warnings")
                table = table.add_column(place, "warnings", pyarrow.nulls(len(table)))
            return table.cast(SCHEMA)
        except (OSError, ValueError, KeyError, pyarrow.ArrowException) as error:
            raise ArchiveError(
                "manifest_damaged",
                "{place}/{file} is damaged, or no manifest ({reason}); move it away",
                place=str(self.store),
                file=name,
                reason=reason(error),
            ) from error

    def _write(self, table: pyarrow.Table) -> None:
        data = io.BytesIO()
        pyarrow.parquet.write_table(table, data, compression="zstd")
        time = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S")
        try:
            self.store.write(f"{time}-{uuid.uuid4().hex[:6]}.parquet", data.getbuffer())
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> ArchiveError:
        return ArchiveError(
            "store_unwritable",
            "{place} cannot be written ({reason}); make room there, or check your permissions",
            place=str(self.store),
            reason=reason(error),
        )
