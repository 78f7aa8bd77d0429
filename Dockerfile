# One file for every image: `make images`, or
#   docker build --build-arg SERVICE=segmenter --tag synres-segmenter:0.1.0 .
# SERVICE: captioner, generator, segmenter, grouper, trainer, coordinator or cli
# EXTRA:   what of pyproject.toml is installed; another than the service's own for a trial: `micro` needs no GPU
# TORCH:   a version of torch instead of that in constraints.txt, a CPU build for example
# TRITON:  for `--target triton`: upstream's image, as your registry names it
ARG SERVICE=cli
ARG EXTRA=${SERVICE}
ARG TRITON=tritonserver:25.08-py3

# our code alone, in the places of a virtual environment
FROM python:3.11-slim AS code
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
RUN pip install --no-cache-dir --constraint constraints.txt setuptools \
    && python -m venv --without-pip /opt/synres
COPY synres synres
COPY services services
COPY configs configs
RUN pip wheel --no-cache-dir --no-build-isolation --no-deps --wheel-dir /wheel . \
    && pip --python /opt/synres/bin/python install --no-cache-dir --no-index --no-deps /wheel/*.whl

# what it stands on: a change of our code installs none of it again, and images of one EXTRA share it
FROM python:3.11-slim AS packages
ARG EXTRA
ARG TORCH=
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
RUN if [ -n "${TORCH}" ]; then sed --in-place "s/^torch==.*/torch==${TORCH}/" constraints.txt; fi \
    && python -m venv --without-pip /opt/synres \
    && pip --python /opt/synres/bin/python install --no-cache-dir --constraint constraints.txt ".[${EXTRA}]" \
    && pip --python /opt/synres/bin/python uninstall --yes synres

FROM packages AS service
RUN useradd --uid 10001 --no-create-home --home-dir /cache --shell /usr/sbin/nologin synres \
    && mkdir /cache /models \
    && chown synres:synres /cache
COPY --from=code /opt/synres /opt/synres
# pods mount /tmp and /cache over a root that nobody writes to
ENV PATH=/opt/synres/bin:$PATH \
    HOME=/cache \
    XDG_CACHE_HOME=/cache \
    SYNRES_MODELS_DIR=/models \
    HF_HUB_OFFLINE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /tmp
ARG SERVICE
ARG VERSION=0.1.0
ARG REVISION=unknown
# a service that there is not ends the build; and where labels alone differ, some builders take one image for all
RUN python -c "import services.${SERVICE}"
LABEL org.opencontainers.image.title="synres-${SERVICE}" \
      org.opencontainers.image.description="Synthetic training data for referring expression segmentation" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV SERVICE=${SERVICE}
CMD ["sh", "-c", "exec python -m services.${SERVICE}"]

# Triton's server with our model repository; the stub of its Python backend wants numpy below 2
FROM ${TRITON} AS triton
ARG TORCH=
WORKDIR /opt/synres
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY synres synres
COPY services services
COPY configs configs
RUN sed --in-place 's/"numpy>=2.2"/"numpy<2"/' pyproject.toml \
    && sed --in-place '/^numpy==/d' constraints.txt \
    && if [ -n "${TORCH}" ]; then sed --in-place "s/^torch==.*/torch==${TORCH}/" constraints.txt; fi \
    && pip install --no-cache-dir --constraint constraints.txt ".[generator]" \
    && rm -r build synres.egg-info \
    && ln --symbolic services/generator/triton triton
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="synres-triton" \
      org.opencontainers.image.description="Triton with SANA as its model" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
USER 10001:10001
# from /opt/synres, Python would take the folder of models for the package triton
WORKDIR /tmp

# what is built where no target is named
FROM service
