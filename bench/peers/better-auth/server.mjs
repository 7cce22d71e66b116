// Accounts and sessions by Better Auth, kept in memory: what a database would cost is not counted.

import { createServer } from "node:http";
import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { toNodeHandler } from "better-auth/node";

const server = createServer({ keepAliveTimeout: 600_000 });
server.listen(0, "127.0.0.1", () => {
  const origin = `http://127.0.0.1:${server.address().port}`;
  const auth = betterAuth({
    baseURL: origin,
    secret: "nobody's secret, but thirty-two characters long",
    trustedOrigins: [origin],
    database: memoryAdapter({ user: [], session: [], account: [], verification: [] }),
    emailAndPassword: { enabled: true },
    rateLimit: { enabled: false },
  });
  server.on("request", toNodeHandler(auth));
  console.log(origin);
});
