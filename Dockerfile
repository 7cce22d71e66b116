# One image with all four binaries. By itself it runs `holdfast`, everything on embedded SQLite in /data;
# docker-compose.yml runs the three services from it.

FROM rust:1.95-slim-trixie AS sources
WORKDIR /sources
COPY . .

# The workspace without its code: this changes only when a manifest or the lock file does.
FROM sources AS manifests
RUN mkdir /manifests \
    && cp --parents .cargo/config.toml Cargo.lock Cargo.toml ./*/Cargo.toml /manifests/ \
    && for file in ./*/build.rs ./*/src/main.rs ./*/src/lib.rs; do \
        mkdir --parents "/manifests/${file%/*}" && echo 'fn main() {}' >"/manifests/$file" || exit 1; \
    done

# Every dependency, kept as a layer until then.
FROM rust:1.95-slim-trixie AS build
WORKDIR /build
COPY --from=manifests /manifests .
RUN cargo build --release --locked

# Cargo goes by the time of a file; the sources are older than what was just built in their place.
COPY --from=sources /sources .
RUN find . -path ./target -prune -o -name '*.rs' -exec touch {} + \
    && cargo build --release --locked

FROM debian:trixie-slim
RUN groupadd --gid 10001 holdfast \
    && useradd --uid 10001 --gid holdfast --home-dir /data --no-create-home --shell /usr/sbin/nologin holdfast \
    && install --directory --owner=holdfast --group=holdfast --mode=0700 /data
COPY --from=build \
    /build/target/release/auth-service \
    /build/target/release/gateway \
    /build/target/release/holdfast \
    /build/target/release/task-service \
    /usr/local/bin/
# A container listens beyond its loopback or is not reached at all; who gets there is decided where its port is published.
ENV HOLDFAST_DATA_DIR=/data \
    HOLDFAST_GATEWAY_LISTEN=0.0.0.0:8080 \
    HOLDFAST_PLAINTEXT=on
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s --start-interval=1s CMD ["holdfast", "healthcheck"]
CMD ["holdfast", "serve"]
