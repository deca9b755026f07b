"""Archives: a great many photographs, on one machine or many, on Ray Data."""

from .run import Summary, Workers, archive

__all__ = ["Summary", "Workers", "archive"]
