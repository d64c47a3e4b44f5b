// Prints the headers of a signed request: node sign.mjs POST /v1/messages message.json
import { createHash, createHmac, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { argv, env } from "node:process";
import { pathToFileURL } from "node:url";

/** Of one request. `target` is the path with its query, exactly as it goes over the wire; `body` is a Buffer. */
export function headers({ key, secret, method, target, body, timestamp, requestId }) {
  timestamp ??= String(Math.floor(Date.now() / 1000));
  requestId ??= randomBytes(16).toString("hex");
  const at = target.indexOf("?");
  const [path, query] = at < 0 ? [target, ""] : [target.slice(0, at), target.slice(at + 1)];
  const bodyHash = createHash("sha256").update(body).digest("hex");
  const lines = ["POSTROAD-HMAC-SHA256-V1", key, timestamp, requestId, method, path, query, bodyHash];
  const rawKey = Buffer.from(secret.replace(/^prs_/, ""), "base64url");
  return {
    "X-Postroad-Key": key,
    "X-Postroad-Timestamp": timestamp,
    "X-Postroad-Request-Id": requestId,
    "X-Postroad-Signature": `v1=${createHmac("sha256", rawKey).update(lines.join("\n")).digest("hex")}`,
  };
}

if (import.meta.url === pathToFileURL(argv[1]).href) {
  const [method, target, file] = argv.slice(2);
  const signed = headers({
    key: env.POSTROAD_KEY,
    secret: env.POSTROAD_SECRET,
    method,
    target,
    body: file ? readFileSync(file) : Buffer.alloc(0),
    timestamp: env.POSTROAD_TIMESTAMP,
    requestId: env.POSTROAD_REQUEST_ID,
  });
  for (const [name, value] of Object.entries(signed)) console.log(`${name}: ${value}`);
}
