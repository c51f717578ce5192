// The audits of GraphQL over HTTP, of npm's graphql-http.
import { serverAudits } from 'graphql-http';
import { report, token, url } from './connection.mjs';

const fetchFn = (target, options = {}) =>
  fetch(target, {
    ...options,
    headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...options.headers },
  });

const counts = {};
const failed = [];
for (const audit of serverAudits({ url, fetchFn })) {
  const result = await audit.fn();
  counts[result.status] = (counts[result.status] ?? 0) + 1;
  if (result.status !== 'ok') failed.push(`${result.status} ${result.id} ${result.name}: ${result.reason}`);
}
report({ counts, failed });
