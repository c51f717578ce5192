// relay-runtime over the compiled operations: pages forward and back into one connection, refetching, mutations.
import {
  ConnectionHandler,
  Environment,
  Network,
  RecordSource,
  Store,
  commitMutation,
  createOperationDescriptor,
  getSingularSelector,
  fetchQuery,
} from 'relay-runtime';
import tags from './artifacts/operations_tags.graphql.js';
import resource from './artifacts/operations_resource.graphql.js';
import forward from './artifacts/operationsForwardQuery.graphql.js';
import backward from './artifacts/operationsBackwardQuery.graphql.js';
import page from './artifacts/operationsTagsPageQuery.graphql.js';
import node from './artifacts/operationsNodeQuery.graphql.js';
import again from './artifacts/operationsResourceAgainQuery.graphql.js';
import createTags from './artifacts/operationsCreateTagsMutation.graphql.js';
import update from './artifacts/operationsUpdateResourcesMutation.graphql.js';

const [, , url, token] = process.argv;

async function ask(request, variables) {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/graphql-response+json',
      authorization: `Bearer ${token}`,
    },
    body: JSON.stringify({ query: request.text, variables }),
  });
  return response.json();
}

const fresh = () => new Environment({ network: Network.create(ask), store: new Store(new RecordSource()) });

function fragmentOf(environment, query, variables, fragment, pick) {
  const operation = createOperationDescriptor(query, variables);
  const owner = pick(environment.lookup(operation.fragment).data);
  return environment.lookup(getSingularSelector(fragment, owner)).data;
}

const inScope = (environment, query, variables) =>
  fragmentOf(environment, query, variables, tags, (data) => data.scope).tags;
const shown = (connection) => ({
  labels: connection.edges.map((edge) => edge.node.label),
  next: connection.pageInfo.hasNextPage,
  previous: connection.pageInfo.hasPreviousPage,
});

async function through(query, first, more) {
  const environment = fresh();
  await fetchQuery(environment, query, first).toPromise();
  const steps = [shown(inScope(environment, query, first))];
  for (let cursor = more(inScope(environment, query, first)); cursor; ) {
    await fetchQuery(environment, page, { id: first.id, ...cursor }).toPromise();
    steps.push(shown(inScope(environment, query, first)));
    cursor = more(inScope(environment, query, first));
  }
  return steps;
}

const commit = (environment, mutation, variables) =>
  new Promise((resolve, reject) => {
    commitMutation(environment, { mutation, variables, onCompleted: resolve, onError: reject });
  });

async function changes() {
  const environment = fresh();
  const first = { id: 'scope_acme', first: 100 };
  await fetchQuery(environment, forward, first).toPromise();
  const connection = ConnectionHandler.getConnectionID('scope_acme', 'operations_tags');
  const input = [
    { scopeId: 'scope_acme', tagGroupId: 'tag_group_batch', identifier: 'appended', label: 'Appended' },
  ];
  await commit(environment, createTags, { input, connections: [connection] });
  const appended = shown(inScope(environment, forward, first)).labels.at(-1);

  const id = 'resource_roadmap';
  await fetchQuery(environment, node, { id }).toPromise();
  const before = fragmentOf(environment, node, { id }, resource, (data) => data.node.resource);
  await commit(environment, update, { input: [{ id, displayName: 'By Relay', ifMatch: before.etag }] });
  const after = fragmentOf(environment, node, { id }, resource, (data) => data.node.resource);
  await fetchQuery(environment, again, { id }).toPromise();
  const refetched = fragmentOf(environment, again, { id }, resource, (data) => data.node);
  return { appended, names: [before, after, refetched].map((each) => each.displayName), moved: before.etag !== after.etag };
}

const report = {
  forward: await through(forward, { id: 'scope_acme', first: 3 }, ({ pageInfo }) =>
    pageInfo.hasNextPage ? { first: 3, after: pageInfo.endCursor } : null,
  ),
  backward: await through(backward, { id: 'scope_acme', last: 3 }, ({ pageInfo }) =>
    pageInfo.hasPreviousPage ? { last: 3, before: pageInfo.startCursor } : null,
  ),
  changes: await changes(),
};
process.stdout.write(JSON.stringify(report));
