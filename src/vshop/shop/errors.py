"""The error of a part of the shop."""


class ShopError(Exception):
    """A part could not be reached or returned an error; the message names it.

    ``detail`` is what the part said, or that it does not answer, without the request and without advice for the command line.
    """

    def __init__(self, message: str, *, hop: str, status: int | None = None, detail: str = "") -> None:
        super().__init__(message)
        self.detail = detail or message
        self.hop = hop
        self.status = status
