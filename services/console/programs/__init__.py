"""The console for programs: incidents, verification and scores over plain HTTP, described by openapi.yaml."""
