// What both kinds of subscriptions are tried with: one that hears, one that is refused, and what has one result.
import { headers, url } from './connection.mjs';

export const watch = `subscription Watch($scope: ID!) {
  resourcesChanged(scopeId: $scope, withDescendants: true) { scopeId kind ids more }
}`;
export const variables = { scope: 'scope_acme' };
export const refused = { query: watch, variables: { scope: 'scope_nothing' } };
export const read = { query: '{ scope(id: "scope_acme") { name } }' };
export const invalid = { query: 'subscription { nothing }' };
export const rename = {
  query: `mutation Rename($input: [UpdateResourceInput!]!) { updateResources(input: $input) { count } }`,
  variables: { input: [{ id: 'resource_roadmap', displayName: 'By a client' }] },
};

// Changes a resource again and again: nobody says when a subscription has begun.
export function changeUntil(heard) {
  let turn = 0;
  const timer = setInterval(async () => {
    turn += 1;
    const input = [{ id: 'resource_roadmap', displayName: `Turn ${turn}` }];
    const body = JSON.stringify({ query: rename.query, variables: { input } });
    await fetch(url, { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body });
  }, 100);
  return heard.finally(() => clearInterval(timer));
}

export async function first(iterator) {
  const { value } = await iterator.next();
  await iterator.return?.();
  return value;
}

// What a client makes of an operation: its results, or what it throws.
export async function outcome(iterator) {
  const results = [];
  try {
    for await (const result of iterator) results.push(result);
  } catch (error) {
    return { results, thrown: (Array.isArray(error) ? error : [error]).map((each) => each.extensions?.code ?? each.code ?? String(each)) };
  }
  return { results: results.map(({ data, errors }) => ({ data, codes: errors?.map((each) => each.extensions.code) })) };
}
