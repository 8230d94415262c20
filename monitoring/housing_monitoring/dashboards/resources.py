"""The resources dashboard: what the processes use, and what the machine has left."""

from housing_monitoring.dashboards.board import Board, Figure, Limits, Lines, Row
from housing_monitoring.dashboards.queries import quantiles, rate_by

_PROCESSES = Row(
    title="Processes",
    panels=(
        Lines(
            title="Workers",
            description="Worker processes: configured, and serving.",
            series=(("{{state}}", "sum by (state) (housing_workers)"),),
        ),
        Lines(
            title="Workers restarted",
            description="Workers restarted after they had ended, in the last 15 minutes.",
            series=(("restarts", "sum(increase(housing_worker_restarts_total[15m]))"),),
        ),
        Lines(
            title="Processor",
            description="Processors that each process keeps busy.",
            series=(("{{process}}", rate_by("process", "housing_process_cpu_seconds_total")),),
        ),
        Lines(
            title="Memory",
            description="Resident memory of each process.",
            unit="bytes",
            series=(("{{process}}", "sum by (process) (housing_process_resident_memory_bytes)"),),
        ),
        Lines(
            title="Open files",
            description="File descriptors of each process; every connection is one.",
            series=(("{{process}}", "sum by (process) (housing_process_open_files)"),),
        ),
        Lines(
            title="Time of a scrape",
            description="How long Prometheus waits for the metrics.",
            unit="s",
            series=(("{{job}}", 'max by (job) (scrape_duration_seconds{job=~"housing.*"})'),),
        ),
    ),
)

_MACHINE = Row(
    title="Machine",
    panels=(
        Figure(
            title="Servers",
            description="Number of servers that Prometheus can scrape.",
            decimals=0,
            limits=Limits(orange=1, red=0),
            query='sum(up{job="housing"})',
        ),
        Figure(
            title="Disk used",
            description="Share of the disk that holds models, prediction log and journals.",
            unit="percentunit",
            limits=Limits(orange=0.8, red=0.95),
            query="max(housing_disk_used_bytes / housing_disk_total_bytes)",
        ),
        Figure(
            title="Disk left",
            description="On the disk that holds models, prediction log and journals.",
            unit="bytes",
            query="min(housing_disk_total_bytes - housing_disk_used_bytes)",
        ),
        Figure(
            title="Memory available",
            description="Share of the machine's memory that is available to programs.",
            unit="percentunit",
            limits=Limits(orange=0.2, red=0.05),
            query="min(housing_memory_available_bytes / housing_memory_total_bytes)",
        ),
        Lines(
            title="Disk through time",
            description="The disk that holds models, prediction log and journals.",
            unit="bytes",
            series=(("used", "sum(housing_disk_used_bytes)"), ("size", "sum(housing_disk_total_bytes)")),
        ),
        Lines(
            title="Memory through time",
            description="Memory of the machine.",
            unit="bytes",
            series=(("available", "sum(housing_memory_available_bytes)"), ("size", "sum(housing_memory_total_bytes)")),
        ),
    ),
)

_GATEWAY = Row(
    title="Gateway",
    panels=(
        Figure(
            title="Gateways",
            description="Number of gateways, or of servers with Envoys of their own, that Prometheus can scrape.",
            decimals=0,
            limits=Limits(orange=1, red=0),
            query='sum(up{job="housing-gateway"})',
        ),
        Figure(
            title="Servers behind the gateway",
            description="Number of servers that a gateway in front of them finds healthy; none without a gateway.",
            decimals=0,
            limits=Limits(orange=1, red=0),
            query='min(envoy_cluster_membership_healthy{envoy_cluster_name="prediction"})',
        ),
        Lines(
            title="Requests to the gateway",
            description="Requests per second, by class of HTTP status; a gRPC call is a 2xx whatever its code.",
            unit="reqps",
            series=(
                (
                    "{{envoy_response_code_class}}xx",
                    rate_by("envoy_response_code_class", "envoy_http_downstream_rq_xx"),
                ),
            ),
        ),
        Lines(
            title="Time of requests to the gateway",
            description="From the first byte of a request to the last of its response.",
            unit="ms",
            series=quantiles("envoy_http_downstream_rq_time"),
        ),
        Lines(
            title="Memory of the gateway",
            description="Envoy's heap, and the memory of its process. Near the limit of the heap requests are refused.",
            unit="bytes",
            series=(
                ("heap", "sum(envoy_server_memory_heap_size)"),
                ("process", "sum(envoy_server_memory_physical_size)"),
            ),
        ),
        Lines(
            title="Connections of the gateway",
            description="Connections of callers, and those to the server.",
            series=(
                ("callers", "sum(envoy_http_downstream_cx_active)"),
                ("server", "sum(envoy_cluster_upstream_cx_active)"),
            ),
        ),
    ),
)

BOARD = Board(
    uid="california-housing-resources",
    title="California housing: resources",
    description="What the processes of the service use, what reaches the gateway, and what the machine has left.",
    rows=(_PROCESSES, _GATEWAY, _MACHINE),
)
"""The dashboard of processes and machine."""
