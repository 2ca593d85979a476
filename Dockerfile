# The image: one static binary and an empty /srv for your site, nothing else.
#
#   docker build -t millpond .
#   docker run --rm -p 8080:8080 -v "$PWD/site:/srv:ro" \
#       --read-only --cap-drop ALL --security-opt no-new-privileges millpond
#
# or, with the site in an image of your own: FROM millpond, COPY site /srv

FROM rust:1.95-slim-bookworm AS build
WORKDIR /build

# glibc, linked statically: it asks for no other package, and no musl target, in the builder. The
# target is named, though it is the builder's own, because else the flag would reach build scripts.
ENV RUSTFLAGS="-C target-feature=+crt-static"

# The dependencies in a layer of their own, with nothing of our own yet to invalidate it.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src && touch src/lib.rs && echo 'fn main() {}' >src/main.rs \
    && cargo build --release --locked --target "$(rustc --print host-tuple)"

COPY src src
RUN touch src/lib.rs src/main.rs \
    && cargo build --release --locked --target "$(rustc --print host-tuple)" \
    && cp "target/$(rustc --print host-tuple)/release/millpond" /millpond

FROM scratch
LABEL org.opencontainers.image.title="millpond" \
      org.opencontainers.image.description="A minimal static-file HTTP server daemon" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"

COPY --from=build /millpond /millpond
# It is empty: of whatever is in here, images that are built FROM this one would serve what their own
# site has not, and a site without an index file would pass for well.
WORKDIR /srv

# No user of this number owns a file in the image, so the server can change none.
USER 65532:65532
# Without a port, so that the platform's PORT is obeyed, as Cloud Run and Heroku set it; else 8080.
ENV MILLPOND_ROOT=/srv \
    MILLPOND_LISTEN=0.0.0.0,[::]
EXPOSE 8080
STOPSIGNAL SIGTERM
# It asks where the variables above say, so give other addresses by variable too, not by flag.
HEALTHCHECK --interval=30s --timeout=5s CMD ["/millpond", "--health"]
ENTRYPOINT ["/millpond"]
