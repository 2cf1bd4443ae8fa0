"""OpenTelemetry spans, where OTEL_EXPORTER_OTLP_ENDPOINT says who takes them; else nothing."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from streams.restart import leave

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_tracer: Any = None


def configure() -> None:
    """Ends the program where spans are wanted and what sends them isn't installed."""
    global _tracer
    if not os.environ.get(ENDPOINT):
        return
    if find_spec("opentelemetry.exporter") is None:
        leave(
            f"{ENDPOINT} is set, and what sends traces isn't there: "
            "pip install --editable '.[traces]'"
        )
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    name = os.environ.get("OTEL_SERVICE_NAME", "redeemonce")
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    _tracer = trace.get_tracer("redeemonce")


@contextmanager
def span(name: str, **attributes: Any) -> Iterator[None]:
    """A span around the block, with its error where it raises."""
    if _tracer is None:
        yield
    else:
        with _tracer.start_as_current_span(name, attributes=attributes):
            yield
