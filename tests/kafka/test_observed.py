"""What a worker tells whoever watches it: log lines with request ids, and traces."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.servers import Servers
from tests.world import World, create, issue, organisation, redeem, wait_for


class Collector(ThreadingHTTPServer):
    """Takes spans as an OpenTelemetry collector does."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.spans: list[tuple[str, dict[str, int]]] = []

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Taking(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        assert self.path == "/v1/traces"
        said = ExportTraceServiceRequest()
        said.ParseFromString(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.spans += [
            (span.name, {one.key: one.value.int_value for one in span.attributes})
            for resource in said.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


class Watched(World):
    endpoint = ""

    def environment(self, place: str = "w0", port: int | None = None) -> dict[str, str]:
        return super().environment(place, port) | {
            "REDEEMONCE_LOG_FORMAT": "json",
            "REDEEMONCE_LOG_DECISIONS": "true",
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.endpoint,
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()


def test_decisions_are_in_the_log_and_in_traces(
    running_servers: Servers, collector: Collector
) -> None:
    # given
    world = Watched(organisation(running_servers, "watched"))
    world.endpoint = collector.endpoint
    try:
        world.start()
        world.ask(create())

        # when
        [issued] = world.ask(issue("c-1", request_id="i-1"))
        world.ask(redeem(issued["code"], "c-2", request_id="r-1"))
        wait_for("spans", lambda: any(name == "commit redeem" for name, _ in collector.spans))
        world.stop()
    finally:
        world.close()

    # expect
    lines = [json.loads(line) for line in world.log().splitlines()]
    decided = {one["request_id"]: one for one in lines if one["message"] == "decided"}
    assert decided["i-1"]["outcome"] == "accepted"
    assert (decided["r-1"]["reason"], decided["r-1"]["offer_id"]) == ("not_recipient", "o")
    assert all({"time", "level", "logger"} <= one.keys() for one in lines)
    spans = dict(collector.spans)
    assert {"decide issue", "commit issue", "decide redeem", "commit redeem"} <= spans.keys()
    assert spans["decide redeem"] == {"records": 1}
