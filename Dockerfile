# Screens, program, then an image with nothing but what runs. Set TANDEM_DATABASE_URL: the image has no PostgreSQL of its own.
FROM node:20-bookworm-slim AS web
WORKDIR /src/web
COPY web/package.json web/package-lock.json ./
RUN npm install --no-save --no-audit --no-fund
COPY web/ ./
RUN npm run build

FROM golang:1.26-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends libopus-dev pkg-config && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=web /src/web/dist web/dist
ARG VERSION=unknown
RUN go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /tandem ./cmd/tandem

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates espeak-ng libopus0 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /var/lib/tandem --create-home tandem
COPY --from=build /tandem /usr/local/bin/tandem
USER tandem
WORKDIR /var/lib/tandem
ENV TANDEM_DATA_DIR=/var/lib/tandem
VOLUME /var/lib/tandem
EXPOSE 8080/tcp 5060/udp 5060/tcp 8189/udp 20000-20199/udp
ENTRYPOINT ["tandem"]
CMD ["serve"]
