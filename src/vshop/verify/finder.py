"""Finds the traces in which an order was processed apart from its own: by what it carries, not by listing traces."""

import msgspec

from vshop.traces import TraceError, TraceReader


class TraceFinder(TraceReader):
    """A reader that also searches by attributes."""

    def search(self, service: str, tags: dict[str, str]) -> list[str]:
        """Return the ids of the traces in which a service has a span with these attributes.

        Raises:
            TraceError: the API cannot be reached or does not answer as it should.
        """
        response = self._ask("/api/traces", {"service": service, "tags": msgspec.json.encode(tags).decode()})
        if not response.ok:
            raise TraceError(f"{response.url} answered {response.status_code}: {response.text[:300]}")
        return [str(trace["traceID"]) for trace in msgspec.json.decode(response.content)["data"]]
