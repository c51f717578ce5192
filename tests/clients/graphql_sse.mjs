// graphql-sse in its mode of distinct connections: subscriptions, queries and mutations, and a token that isn't valid.
import { createClient } from 'graphql-sse';
import { headers, report, url } from './connection.mjs';
import { changeUntil, first, invalid, outcome, read, refused, rename, variables, watch } from './watching.mjs';

const one = createClient({ url, headers, retryAttempts: 0 });
const event = await changeUntil(first(one.iterate({ query: watch, variables })));
const outcomes = {};
for (const [name, operation] of Object.entries({ read, rename, refused, invalid })) {
  outcomes[name] = await outcome(one.iterate(operation));
}
one.dispose();

const stranger = createClient({ url, headers: { authorization: 'Bearer wrong' }, retryAttempts: 0 });
let status;
try {
  await first(stranger.iterate(read));
} catch (error) {
  status = error.response?.status;
}
report({ event: event.data, outcomes, status });
