// An OAuth 2.0 provider on loopback, for the tests: node provider.mjs LIBRARY '{"access": 600}'
// Prints its address on a line. Any user can sign in with any password. It has three clients:
// `mailpull` without a secret, `confidential` with the secret `s3cr&t/+`, and `dovecot`, which may
// ask about tokens.
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';

const [library, options] = process.argv.slice(2);
const { default: Provider } = await import(pathToFileURL(library));
// The lifetimes of access tokens and device codes, in seconds.
const { access, device } = { access: 600, device: 600, ...JSON.parse(options) };

const grants = {
  grant_types: [
    'authorization_code',
    'refresh_token',
    'urn:ietf:params:oauth:grant-type:device_code',
  ],
  application_type: 'native',
  redirect_uris: ['http://127.0.0.1'],
  response_types: ['code'],
};

const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      { client_id: 'mailpull', token_endpoint_auth_method: 'none', ...grants },
      { client_id: 'confidential', client_secret: 's3cr&t/+', ...grants },
      {
        client_id: 'dovecot',
        client_secret: 'dovecot',
        grant_types: [],
        redirect_uris: [],
        response_types: [],
      },
    ],
    cookies: { keys: ['key'] },
    features: {
      deviceFlow: { enabled: true },
      introspection: {
        enabled: true,
        // `dovecot` may ask about every token, the others only about their own.
        allowedPolicy: (ctx, client, token) =>
          client.clientId === 'dovecot' || client.clientId === token.clientId,
      },
      revocation: { enabled: true },
    },
    findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    issueRefreshToken: (ctx, client) => client.grantTypeAllowed('refresh_token'),
    pkce: { required: () => true, methods: ['S256'] },
    ttl: {
      AccessToken: access,
      AuthorizationCode: 60,
      DeviceCode: device,
      Grant: 3600,
      Interaction: 600,
      RefreshToken: 3600,
      Session: 600,
    },
  });
  server.on('request', provider.callback());
  console.log(issuer);
});
