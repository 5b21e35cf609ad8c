// A certified OpenID provider, in memory. Prints a line once it listens.
// Arguments: port; ids of a client that uses the header and of one that uses the form; the secret of both.
import { Provider } from "oidc-provider";

const [port, clientId, bodyClientId, clientSecret] = process.argv.slice(2);
const SCOPE = "openid offline_access";

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: clientId,
      client_secret: clientSecret,
      grant_types: ["authorization_code", "refresh_token", "client_credentials"],
      redirect_uris: ["https://app.example.com/callback"],
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
  scopes: ["openid", "offline_access", "books:read"],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true },
    revocation: { enabled: true },
  },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  rotateRefreshToken: true,
  ttl: { AccessToken: 600, ClientCredentials: 600, Grant: 3600, RefreshToken: 3600 },
});

// What time does: an access token is good no longer. (Revoking one ends its whole grant.)
provider.use(async (context, next) => {
  if (context.path !== "/test/expire") return next();
  const token = await provider.AccessToken.find(context.query.token);
  await token.destroy();
  context.body = "expired";
});

// What a browser would do: somebody signs in and allows the client in.
provider.use(async (context, next) => {
  if (context.path !== "/test/refresh-token") return next();
  const grant = new provider.Grant({ accountId: "ada", clientId });
  grant.addOIDCScope(SCOPE);
  const grantId = await grant.save();
  const client = await provider.Client.find(clientId);
  const token = new provider.RefreshToken({
    accountId: "ada",
    client,
    grantId,
    gty: "authorization_code",
    scope: SCOPE,
  });
  context.body = await token.save();
});

provider.listen(Number(port), "127.0.0.1", () => console.log("listening"));
