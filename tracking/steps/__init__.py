"""The steps of the pipeline. Each is `step(hit, facts, event) -> Refused | None` and fills columns of the event."""
