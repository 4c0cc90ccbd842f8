# The service in a container: on the CPU, without root, on a file system that is only read.
#
#   docker build -t posterv2 .
#   docker run --rm --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges --stop-timeout 35 \
#       -e POSTERV2_TOKEN -p 127.0.0.1:8000:8000 posterv2
#
# It starts with a token only: other machines can reach a container. See docs/serving.md.

FROM python:3.11.14-slim-bookworm AS build
WORKDIR /source
COPY constraints.txt pyproject.toml README.md LICENSE NOTICE ./
COPY deploy/constraints.txt deploy/
COPY src src
RUN python -m venv /opt/posterv2 \
    && /opt/posterv2/bin/pip install --no-cache-dir -c constraints.txt -c deploy/constraints.txt '.[serve,openvino]'

FROM python:3.11.14-slim-bookworm
COPY --from=build /opt/posterv2 /opt/posterv2
# Bytecode was compiled above. Threads that wait must not spin: on a busy machine that costs ten times the work itself.
ENV PATH=/opt/posterv2/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    OMP_WAIT_POLICY=passive
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD ["python", "-c", \
    "from urllib.request import *; build_opener(ProxyHandler({})).open('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["posterv2", "serve", "--host", "0.0.0.0"]
