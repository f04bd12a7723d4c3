# Sluice: `sluice start` with its data under /data, or one role of a larger system (`docker run … sluice gate`; see
# deploy/compose.yaml).
#
#   docker build -t sluice .
#   docker run -p 7400:7400 -v sluice-data:/data -v ./sluice.toml:/etc/sluice/sluice.toml:ro \
#     -e SLUICE_CONFIG=/etc/sluice/sluice.toml -e SLUICE_GATE_HOST=0.0.0.0 --stop-timeout 30 sluice
#
# Without a configuration file the gate stays on the container's own loopback: the development key never meets a network.

FROM node:24-trixie-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --include=dev
COPY tsconfig.json ./
COPY tools ./tools
COPY protocol-spec ./protocol-spec
COPY src ./src
COPY test ./test
COPY bench ./bench
RUN node tools/setup.mjs build && npm prune --omit=dev

FROM node:24-trixie-slim
ENV NODE_ENV=production \
    SLUICE_DATA_DIRECTORY=/data \
    HEALTH_PORT=7480
WORKDIR /app
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/dist/src ./dist/src
RUN install --directory --owner=node --group=node --mode=0750 /data
USER node
VOLUME /data
# Clients, HTTP, the HTTP sides of gate and logic, the trunk of logic.
EXPOSE 7400 7480 7481 7482 7500
# The program is process 1 itself: it handles SIGTERM and waits for its own children, so no init stands between.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.HEALTH_PORT}/healthz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "--enable-source-maps", "dist/src/cli/main.js"]
CMD ["start"]
