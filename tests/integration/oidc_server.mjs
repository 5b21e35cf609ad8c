// A certified OpenID provider, in memory. Prints a line once it listens.
// Argument: JSON with port, clientId (uses the header), bodyClientId (uses the form), clientSecret of both,
// redirectUri, accessTokenSeconds, and mark: what all codes and tokens begin with.
import { Provider } from "oidc-provider";

const { port, clientId, bodyClientId, clientSecret, redirectUri, accessTokenSeconds, mark } = JSON.parse(
  process.argv[2],
);
const SCOPE = "openid offline_access";

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: clientId,
      client_secret: clientSecret,
      grant_types: ["authorization_code", "refresh_token", "client_credentials"],
      redirect_uris: [redirectUri],
      scope: `${SCOPE} books:read`,
    },
    {
      client_id: bodyClientId,
      client_secret: clientSecret,
      token_endpoint_auth_method: "client_secret_post",
      grant_types: ["client_credentials"],
      redirect_uris: [],
      response_types: [],
      scope: "books:read",
    },
  ],
  clockTolerance: 0,
  cookies: { keys: [mark] },
  scopes: ["openid", "offline_access", "books:read"],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
  },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  rotateRefreshToken: true,
  ttl: {
    AccessToken: accessTokenSeconds,
    ClientCredentials: accessTokenSeconds,
    Grant: 3600,
    IdToken: 3600,
    Interaction: 3600,
    RefreshToken: 3600,
    Session: 3600,
  },
});

for (const model of ["AccessToken", "AuthorizationCode", "ClientCredentials", "RefreshToken"]) {
  const prototype = provider[model].prototype;
  const generate = prototype.generateTokenId;
  prototype.generateTokenId = function marked() {
    return mark + generate.call(this);
  };
}

const events = [];
const note = (name, grantId, kind) => events.push({ name, grantId: grantId ?? null, kind: kind ?? null });
provider.on("grant.success", ({ oidc }) =>
  note("grant.success", oidc.entities.AccessToken?.grantId, oidc.params.grant_type),
);
provider.on("grant.error", ({ oidc }, error) =>
  note("grant.error", oidc?.entities.RefreshToken?.grantId, error.error),
);
provider.on("grant.revoked", (_, grantId) => note("grant.revoked", grantId));
provider.on("refresh_token.consumed", ({ grantId }) => note("refresh_token.consumed", grantId));

const doors = {
  events: () => events,

  // What time does: an access token is good no longer. (Revoking one ends its whole grant.)
  expire: async ({ token }) => {
    await (await provider.AccessToken.find(token)).destroy();
  },

  // What a browser would do: somebody signs in and allows the client in.
  "refresh-token": async () => {
    const grant = new provider.Grant({ accountId: "ada", clientId });
    grant.addOIDCScope(SCOPE);
    const grantId = await grant.save();
    const token = new provider.RefreshToken({
      accountId: "ada",
      client: await provider.Client.find(clientId),
      grantId,
      gty: "authorization_code",
      scope: SCOPE,
    });
    return { grantId, token: await token.save() };
  },

  // What somebody does who no longer wants the client to have access.
  revoke: async ({ grantId }) => {
    await (await provider.Grant.find(grantId)).destroy();
    await provider.AccessToken.revokeByGrantId(grantId);
    await provider.RefreshToken.revokeByGrantId(grantId);
  },
};

provider.use(async (context, next) => {
  const door = context.path.startsWith("/test/") && doors[context.path.slice("/test/".length)];
  if (!door) return next();
  context.body = JSON.stringify((await door(context.query)) ?? null);
});

provider.listen(port, "127.0.0.1", () => console.log("listening"));
