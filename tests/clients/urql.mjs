// @urql/core: the newer media type, partial answers, a list of variables is not its dialect.
import { Client, cacheExchange, fetchExchange, gql } from '@urql/core';
import { countingFetch, headers, report, sent, url } from './connection.mjs';

const client = new Client({
  url,
  exchanges: [cacheExchange, fetchExchange],
  fetch: countingFetch,
  fetchOptions: { headers },
  preferGetMethod: false,
});

const read = gql`query Read($id: ID!) { node(id: $id) { id ... on TagGroup { name } } }`;
const found = await client.query(read, { id: 'tag_group_batch' }).toPromise();
const cached = await client.query(read, { id: 'tag_group_batch' }).toPromise();

const byGet = await client
  .query(gql`query ByGet { scope(id: "scope_acme") { name } }`, {}, { preferGetMethod: 'force' })
  .toPromise();

const partial = await client
  .query(gql`query Partial { scope(id: "scope_acme") { name } fails: node(id: "tag_group_batch") { id ... on TagGroup { tags(first: -1) { totalCount } } } }`, {})
  .toPromise();

const invalid = await client.query(gql`query Invalid { nothing }`, {}).toPromise();

const changed = await client
  .mutation(
    gql`mutation Rename($input: [UpdateTagGroupInput!]!) { updateTagGroups(input: $input) { results { tagGroup { id name } } } }`,
    { input: [{ id: 'tag_group_batch', name: 'Renamed' }] },
  )
  .toPromise();
const afterwards = await client.query(read, { id: 'tag_group_batch' }).toPromise();

report({
  found: found.data.node,
  cached: cached.data.node,
  byGet: byGet.data,
  partial: { data: partial.data, codes: partial.error.graphQLErrors.map((each) => each.extensions.code) },
  invalid: {
    data: invalid.data ?? null,
    codes: invalid.error.graphQLErrors.map((each) => each.extensions.code),
    network: invalid.error.networkError?.message ?? null,
  },
  changed: changed.data.updateTagGroups.results[0].tagGroup.name,
  afterwards: afterwards.data.node.name,
  requests: sent.map((request) => [request.method, request.status, request.contentType]),
});
