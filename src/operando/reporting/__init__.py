"""A run as one page that can be sent to a colleague, from its documents alone."""

from operando.reporting.page import report_html, write_report

__all__ = ["report_html", "write_report"]
