// What the compiler reads: ten operations, and fragments for pages in both directions.
import { graphql } from 'relay-runtime';

export const fragments = [
  graphql`
    fragment operations_tags on Scope
    @refetchable(queryName: "operationsTagsPageQuery")
    @argumentDefinitions(
      first: { type: "Int" }
      after: { type: "String" }
      last: { type: "Int" }
      before: { type: "String" }
    ) {
      tags(first: $first, after: $after, last: $last, before: $before) @connection(key: "operations_tags") {
        edges {
          node {
            id
            label
          }
        }
      }
    }
  `,
  graphql`
    fragment operations_resource on Resource @refetchable(queryName: "operationsResourceAgainQuery") {
      displayName
      etag
    }
  `,
];

export const operations = [
  graphql`
    query operationsForwardQuery($id: ID!, $first: Int!) {
      scope(id: $id) {
        ...operations_tags @arguments(first: $first)
        id
      }
    }
  `,
  graphql`
    query operationsBackwardQuery($id: ID!, $last: Int!) {
      scope(id: $id) {
        ...operations_tags @arguments(last: $last)
        id
      }
    }
  `,
  graphql`
    query operationsNodeQuery($id: ID!) {
      node(id: $id) {
        __typename
        id
        ...operations_resource @alias(as: "resource")
      }
    }
  `,
  graphql`
    query operationsNodesQuery($ids: [ID!]!) {
      nodes(ids: $ids) {
        __typename
        id
        etag
      }
    }
  `,
  graphql`
    query operationsResourcesQuery($scope: ID!) {
      resources(scopeId: $scope, withDescendants: true, first: 10) {
        totalCount
        nodes {
          ...operations_resource
          data
          resourceType {
            key
          }
        }
      }
    }
  `,
  graphql`
    query operationsLimitsQuery {
      limits {
        depth
        cost
        bodyBytes
        seconds
      }
    }
  `,
  graphql`
    mutation operationsCreateTagsMutation($input: [CreateTagInput!]!, $connections: [ID!]!) {
      createTags(input: $input) {
        results {
          outcome
          tag @appendNode(connections: $connections, edgeTypeName: "TagEdge") {
            id
            label
          }
        }
      }
    }
  `,
  graphql`
    mutation operationsUpdateResourcesMutation($input: [UpdateResourceInput!]!) {
      updateResources(input: $input) {
        results {
          outcome
          resource {
            id
            displayName
            etag
          }
          errors {
            code
            field
            message
          }
        }
      }
    }
  `,
  graphql`
    mutation operationsDeleteTagsMutation($input: [DeleteInput!]!) {
      deleteTags(input: $input, onError: REJECT_FAILED) {
        committed
        results {
          index
          outcome
        }
      }
    }
  `,
  graphql`
    subscription operationsResourcesChangedSubscription($scope: ID!) {
      resourcesChanged(scopeId: $scope) {
        scopeId
        ids
        more
      }
    }
  `,
];
