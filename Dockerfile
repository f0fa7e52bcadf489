# The bundle is JavaScript and the same for every platform, so build it on the platform of the builder.
FROM --platform=$BUILDPLATFORM node:24-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json ./
COPY scripts/build.ts scripts/build-page.ts scripts/
COPY src src
RUN npm run --silent build

# This image contains only Node.js: no shell, no package manager. The user is 65532 (nonroot).
FROM gcr.io/distroless/nodejs24-debian13:nonroot
LABEL org.opencontainers.image.title="regcred" \
      org.opencontainers.image.description="Puts one registry pull secret into every namespace that needs it, and keeps it there." \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /src/dist/main.js /src/dist/cloud-*.js /app/
USER 65532:65532
EXPOSE 8080
# Without the flag, SIGUSR1 opens the debugger of Node.js in the process that holds the credentials.
ENTRYPOINT ["/nodejs/bin/node", "--disable-sigusr1", "/app/main.js"]
CMD ["controller"]
