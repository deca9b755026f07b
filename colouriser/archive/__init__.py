"""Archives: a great many photographs, on one machine or many, on Ray Data."""

from .run import Look, Summary, Workers, archive

__all__ = ["Look", "Summary", "Workers", "archive"]
