// graphql-ws: subscriptions, queries and mutations over one socket, and a token that isn't valid.
import { createClient } from 'graphql-ws';
import { headers, report, url } from './connection.mjs';
import { changeUntil, first, invalid, outcome, read, refused, rename, variables, watch } from './watching.mjs';

const closed = [];
function client(connectionParams) {
  return createClient({
    url: url.replace(/^http/, 'ws'),
    connectionParams,
    retryAttempts: 2,
    on: { closed: (event) => closed.push(event.code) },
  });
}

const one = client(headers);
const event = await changeUntil(first(one.iterate({ query: watch, variables })));
const outcomes = {};
for (const [name, operation] of Object.entries({ read, rename, refused, invalid })) {
  outcomes[name] = await outcome(one.iterate(operation));
}
await one.dispose();

const stranger = client({ authorization: 'Bearer wrong' });
const strange = await outcome(stranger.iterate(read));
report({ event: event.data, outcomes, strange, closed });
