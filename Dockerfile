# The image: one static binary and an empty /srv for your site, nothing else.
#
#   docker build -t millpond .
#   docker run --rm -p 8080:8080 -v "$PWD/site:/srv:ro" \
#       --read-only --cap-drop ALL --security-opt no-new-privileges millpond
#
# Or put the site into an image of your own: FROM millpond, COPY site /srv

FROM rust:1.95-slim-bookworm AS build
WORKDIR /build

# Static glibc needs no other package and no musl target in the builder. The target is named, although it
# is the builder's own; otherwise the flag would apply to build scripts.
ENV RUSTFLAGS="-C target-feature=+crt-static"

# Build the dependencies in a layer of their own, which changes in src do not invalidate.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src && touch src/lib.rs && echo 'fn main() {}' >src/main.rs \
    && cargo build --release --locked --target "$(rustc --print host-tuple)"

COPY src src
RUN touch src/lib.rs src/main.rs \
    && cargo build --release --locked --target "$(rustc --print host-tuple)" \
    && cp "target/$(rustc --print host-tuple)/release/millpond" /millpond

FROM scratch
LABEL org.opencontainers.image.title="millpond" \
      org.opencontainers.image.description="A small, fast static file server for Linux, sandboxed by default" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"

COPY --from=build /millpond /millpond
# Empty: images FROM this one would serve files from here that their own site lacks, and a site without
# an index file would pass the health check.
WORKDIR /srv

# This user owns no file in the image, so the server cannot change any.
USER 65532:65532
# Without a port: the variable PORT sets it, as on Cloud Run and Heroku; the default is 8080.
ENV MILLPOND_ROOT=/srv \
    MILLPOND_LISTEN=0.0.0.0,[::]
EXPOSE 8080
STOPSIGNAL SIGTERM
# It uses the variables above, so set other addresses by variable, too, not by flag.
HEALTHCHECK --interval=30s --timeout=5s CMD ["/millpond", "--health"]
ENTRYPOINT ["/millpond"]
