/* An OpenID provider for one user, with a real key: it signs in whoever comes, or refuses as it was told (POST /say with "ok", "access_denied" or "stranger"). */
import { createSign, generateKeyPairSync, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const b64 = (x: string | Buffer) => Buffer.from(x).toString("base64url");

export async function startProvider(): Promise<{ url: string; stop: () => Promise<void> }> {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const codes = new Map<string, Record<string, unknown>>();
  let say = "ok", url = "";
  const token = (claims: object) => {
    const text = `${b64(JSON.stringify({ alg: "RS256", kid: "k" }))}.${b64(JSON.stringify(claims))}`;
    return `${text}.${createSign("RSA-SHA256").update(text).sign(privateKey).toString("base64url")}`;
  };
  const server = createServer((rq, answer) => {
    const at = new URL(rq.url ?? "/", url), json = (o: object) => answer.setHeader("Content-Type", "application/json").end(JSON.stringify(o));
    let body = "";
    rq.on("data", (d: Buffer) => (body += d)).on("end", () => {
      if (at.pathname === "/say") say = body;
      if (at.pathname === "/.well-known/openid-configuration") return json({ issuer: url, authorization_endpoint: `${url}/authorize`, token_endpoint: `${url}/token`, jwks_uri: `${url}/keys` });
      if (at.pathname === "/keys") return json({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "k", alg: "RS256", use: "sig" }] });
      if (at.pathname === "/authorize") {
        const q = at.searchParams, back = new URL(q.get("redirect_uri")!), code = randomBytes(9).toString("hex"), now = Math.floor(Date.now() / 1000);
        back.searchParams.set("state", q.get("state")!);
        if (say === "access_denied") back.searchParams.set("error", say);
        else {
          const groups = say === "stranger" ? [] : ["data"];
          codes.set(code, { iss: url, aud: q.get("client_id"), sub: say, exp: now + 300, iat: now, nonce: q.get("nonce"), preferred_username: "ann", groups });
          back.searchParams.set("code", code);
        }
        return answer.writeHead(302, { Location: back.href }).end();
      }
      const claims = codes.get(new URLSearchParams(body).get("code") ?? "");
      if (at.pathname === "/token" && claims) return json({ access_token: "x", token_type: "Bearer", id_token: token(claims) });
      return answer.writeHead(at.pathname === "/say" ? 204 : 404).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const stop = () => new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
  return { url, stop };
}
