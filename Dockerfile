# The bundle is JavaScript, the same for every platform: it is built on the builder's own.
FROM --platform=$BUILDPLATFORM node:24-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json ./
COPY scripts/build.ts scripts/
COPY src src
RUN npm run --silent build

# Node.js and nothing else: no shell, no package manager. The user is 65532 (nonroot).
FROM gcr.io/distroless/nodejs24-debian13:nonroot
LABEL org.opencontainers.image.title="regcred" \
      org.opencontainers.image.description="Puts one registry pull secret into every namespace that needs it, and keeps it there." \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /src/dist/main.js /app/main.js
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/nodejs/bin/node", "/app/main.js"]
CMD ["controller"]
