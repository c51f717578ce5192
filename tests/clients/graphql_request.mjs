// graphql-request: several operations in one HTTP request.
import { GraphQLClient, gql } from 'graphql-request';
import { countingFetch, headers, report, sent, url } from './connection.mjs';

const client = new GraphQLClient(url, { headers, fetch: countingFetch });
const document = gql`query Read($id: ID!) { node(id: $id) { id } }`;
const create = gql`
  mutation Create($input: [CreateScopeInput!]!) { createScopes(input: $input) { results { outcome scope { id } } } }
`;
const remove = gql`mutation Remove($input: [DeleteInput!]!) { deleteScopes(input: $input) { results { outcome } } }`;

const answers = await client.batchRequests([
  { document, variables: { id: 'scope_requested' } },
  { document: create, variables: { input: [{ id: 'scope_requested', parentScopeId: 'scope_acme', name: 'R' }] } },
  { document, variables: { id: 'scope_requested' } },
  { document: remove, variables: { input: [{ id: 'scope_requested' }] } },
  { document, variables: { id: 'scope_requested' } },
]);

let refused;
try {
  await client.request(gql`{ nothing }`);
} catch (error) {
  refused = error.response.errors.map((each) => each.extensions.code);
}

report({ answers: answers.map((each) => each.data), requests: sent.length, batch: sent[0].body.length, refused });
