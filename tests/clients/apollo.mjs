// Apollo Client 4: a cache normalised by Node.id, Relay's pages, batches over HTTP, automatic persisted queries.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { BatchHttpLink } from '@apollo/client/link/batch-http';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { relayStylePagination } from '@apollo/client/utilities';
import { createHash } from 'node:crypto';
import { countingFetch, headers, report, sent, url } from './connection.mjs';

const terminating = { uri: url, headers, fetch: countingFetch };
const http = () => new HttpLink(terminating);
const sha256 = (text) => createHash('sha256').update(text).digest('hex');

function clientOver(link) {
  const cache = new InMemoryCache({
    possibleTypes: { Node: ['Scope', 'ResourceType', 'Resource', 'TagGroup', 'Tag', 'TagAssignment'] },
    typePolicies: { Query: { fields: { tags: relayStylePagination(['scopeId']) } } },
  });
  return new ApolloClient({ cache, link });
}

async function calls(action) {
  const before = sent.length;
  const result = await action();
  return [sent.slice(before), result];
}

const TAGS = gql`
  query Tags($first: Int!, $after: String) {
    tags(scopeId: "scope_acme", first: $first, after: $after) {
      edges { cursor node { id label } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }
`;
const NODE = gql`query OneNode($id: ID!) { node(id: $id) { id ... on Tag { label } } }`;
const UPDATE = gql`
  mutation Relabel($input: [UpdateTagInput!]!) {
    updateTags(input: $input) { results { outcome tag { id label } } }
  }
`;
const CREATE = gql`
  mutation CreateOne($input: [CreateTagInput!]!) {
    createTags(input: $input) { committed results { outcome tag { id identifier } } }
  }
`;

async function cacheByNodeId() {
  const client = clientOver(http());
  const { data } = await client.query({ query: TAGS, variables: { first: 1 } });
  const { id } = data.tags.edges[0].node;
  await client.mutate({ mutation: UPDATE, variables: { input: [{ id, label: 'Relabelled' }] } });
  // The object is one, however it was reached: what the mutation answered shows in the list that was read before.
  const [requests, again] = await calls(() => client.query({ query: TAGS, variables: { first: 1 } }));
  const alone = client.readFragment({ id: `Tag:${id}`, fragment: gql`fragment Label on Tag { label }` });
  return { id, requests: requests.length, inList: again.data.tags.edges[0].node.label, alone: alone.label };
}

async function pages() {
  const client = clientOver(http());
  const observed = client.watchQuery({ query: TAGS, variables: { first: 2 } });
  const subscription = observed.subscribe({});
  await client.query({ query: TAGS, variables: { first: 2 } });
  const sizes = [];
  let data;
  for (;;) {
    data = client.readQuery({ query: TAGS, variables: { first: 2 } });
    sizes.push(data.tags.edges.length);
    if (!data.tags.pageInfo.hasNextPage) break;
    await observed.fetchMore({ variables: { after: data.tags.pageInfo.endCursor } });
  }
  subscription.unsubscribe();
  return { sizes, labels: data.tags.edges.map((edge) => edge.node.label) };
}

async function batches() {
  const link = new BatchHttpLink({ ...terminating, batchMax: 10, batchInterval: 10 });
  const client = clientOver(link);
  const [requests, results] = await calls(() =>
    Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        client.mutate({
          mutation: CREATE,
          variables: {
            input: [
              {
                scopeId: 'scope_acme',
                tagGroupId: 'tag_group_batch',
                identifier: `batched-${String(index).padStart(2, '0')}`,
                label: `Batched ${index}`,
              },
            ],
          },
        }),
      ),
    ),
  );
  return {
    sizes: requests.map((request) => request.body.length),
    statuses: requests.map((request) => request.status),
    answered: results.map((result) => result.data.createTags.results[0].tag.identifier),
    ids: results.map((result) => result.data.createTags.results[0].tag.id),
  };
}

async function persisted(useGETForHashedQueries) {
  const link = ApolloLink.from([new PersistedQueryLink({ sha256, useGETForHashedQueries }), http()]);
  const name = useGETForHashedQueries ? 'PersistedByGet' : 'PersistedByPost';
  const query = gql(`query ${name}($id: ID!) { node(id: $id) { id __typename } }`);
  const rounds = [];
  for (const id of ['tag_group_batch', 'scope_acme']) {
    const [requests, result] = await calls(() => clientOver(link).query({ query, variables: { id } }));
    rounds.push({
      methods: requests.map((request) => request.method),
      texts: requests.map((request) => /[?&]query=/.test(request.url) || Boolean(request.body?.query)),
      typename: result.data.node.__typename,
    });
  }
  return rounds;
}

async function failures() {
  const client = clientOver(http());
  const query = gql`query Wrong { node(id: "tag_group_batch") { id } tags(first: -1) { totalCount } }`;
  const { data, error } = await client.query({ query, errorPolicy: 'all', fetchPolicy: 'no-cache' });
  return { data, codes: error.errors.map((each) => each.extensions.code), name: error.name };
}

report({
  cache: await cacheByNodeId(),
  pages: await pages(),
  batches: await batches(),
  persisted: await persisted(false),
  persistedByGet: await persisted(true),
  failures: await failures(),
});
