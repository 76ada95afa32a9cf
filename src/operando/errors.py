"""The named errors that operando raises."""


class OperandoError(Exception):
    r"""Base of every error that operando raises on purpose.

    What it says is one line that a terminal can show, whatever a file had in it.

    Examples
    --------
    >>> str(OperandoError("no column 'a\x0bb'"))
    "no column 'a b'"
    """

    def __str__(self) -> str:
        """Say it in a line, blanks in place of what cannot be shown."""
        return "".join(one if one.isprintable() else " " for one in super().__str__())


class BadInput(OperandoError, ValueError):  # noqa: N818 - reads as what it is on the terminal
    """What the user gave cannot be used; the message names the value and what is allowed.

    The command line prints the message on one line and exits with status 2.
    """


class LimitError(BadInput):
    """A request beyond a device's limit, refused before anything moved."""


class DeviceError(OperandoError):
    """A device could not do what was asked of it."""


class AgentError(OperandoError):
    """An agent failed; the measurement goes on without it."""


class StoreError(OperandoError):
    """The store could not be opened, read or written."""
