"""The report as one HTML page that needs nothing else: no network, no library, no script to be read."""

from xadapt.report.page.document import document

__all__ = ["document"]
