"""Finds traces by what their spans carry, and all of a time for those who want to keep them."""

import msgspec

from vshop.traces import TraceError, TraceReader


class TraceFinder(TraceReader):
    """A reader that also searches by attributes."""

    def search(self, service: str, tags: dict[str, str]) -> list[str]:
        """Return the ids of the traces in which a service has a span with these attributes.

        Raises:
            TraceError: the API cannot be reached or does not answer as it should.
        """
        return self._ids({"service": service, "tags": msgspec.json.encode(tags).decode()})

    def between(self, service: str, begin: float, end: float, limit: int = 1500) -> list[str]:
        """Return the ids of the traces in which a service has a span of this time (seconds since the epoch), at most so many.

        Raises:
            TraceError: the API cannot be reached or does not answer as it should.
        """
        times = {"start": str(int(begin * 1e6)), "end": str(int(end * 1e6))}
        return self._ids({"service": service, "limit": str(limit), **times})

    def _ids(self, query: dict[str, str]) -> list[str]:
        response = self._ask("/api/traces", query)
        if not response.ok:
            raise TraceError(f"{response.url} answered {response.status_code}: {response.text[:300]}")
        return [str(trace["traceID"]) for trace in msgspec.json.decode(response.content)["data"]]
