// A real OpenID provider on loopback: npm's oidc-provider. POST /control says who people are, and how it misbehaves.
import { createServer } from "node:http"
import { createRequire } from "node:module"
import { pathToFileURL } from "node:url"

const require = createRequire(new URL("../../static/package.json", import.meta.url))
const load = (name) => import(pathToFileURL(require.resolve(name)))
const { Provider } = await load("oidc-provider")
const { SignJWT, decodeJwt, exportJWK, generateKeyPair } = await load("jose")

const port = Number(process.argv[2])
const { privateKey } = await generateKeyPair("RS256", { extractable: true })
const { privateKey: foreignKey } = await generateKeyPair("RS256", { extractable: true })
const jwk = { ...(await exportJWK(privateKey)), kid: "first", alg: "RS256", use: "sig" }
// claims: by the name that people enter; audience, forged: of the ID token; userinfoSub: of the user information; codeSeconds: how long a code is good
const initial = { claims: {}, audience: "", forged: false, userinfoSub: "", codeSeconds: 60 }
const control = { ...initial }

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: "footfall:acme",
      client_secret: "a-secret-of-acme",
      redirect_uris: ["http://127.0.0.1:1/replaced-below"],
      token_endpoint_auth_method: "client_secret_post",
    },
  ],
  jwks: { keys: [jwk] },
  cookies: { keys: ["only for tests"] },
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
  features: { devInteractions: { enabled: false } },
  pkce: { required: () => true },
  ttl: { AuthorizationCode: () => control.codeSeconds },
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_ctx, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: id, email_verified: true, name: "Zoe", ...control.claims[id] }),
  }),
  loadExistingGrant: async (ctx) => {
    const { client, session } = ctx.oidc
    const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId })
    grant.addOIDCScope("openid email profile")
    await grant.save()
    return grant
  },
})
provider.Client.prototype.redirectUriAllowed = (uri) => new URL(uri).hostname === "127.0.0.1" || new URL(uri).hostname === "localhost"
provider.use(async (ctx, next) => {
  await next()
  if (ctx.path === "/me" && control.userinfoSub) ctx.body = { ...ctx.body, sub: control.userinfoSub }
  if (ctx.path === "/token" && ctx.body?.id_token && (control.audience || control.forged)) {
    const payload = decodeJwt(ctx.body.id_token)
    const claims = { ...payload, aud: control.audience || payload.aud }
    const header = { alg: "RS256", kid: "first" }
    ctx.body.id_token = await new SignJWT(claims).setProtectedHeader(header).sign(control.forged ? foreignKey : privateKey)
  }
})

const readBody = async (request) => {
  const parts = []
  for await (const part of request) parts.push(part)
  return Buffer.concat(parts).toString()
}
const PAGE = '<!doctype html><title>Provider</title><form method="post"><input name="login" id="login"><button>Log in</button></form>'
const answer = provider.callback()

createServer(async (request, response) => {
  const { pathname } = new URL(request.url, `http://127.0.0.1:${port}`)
  if (pathname === "/control") {
    Object.assign(control, initial, JSON.parse(await readBody(request)))
    response.end()
  } else if (pathname.startsWith("/interaction/") && request.method === "POST") {
    const login = new URLSearchParams(await readBody(request)).get("login")
    await provider.interactionFinished(request, response, { login: { accountId: login } })
  } else if (pathname.startsWith("/interaction/")) {
    response.setHeader("Content-Type", "text/html")
    response.end(PAGE)
  } else {
    answer(request, response)
  }
}).listen(port, "127.0.0.1", () => console.log("ready"))
