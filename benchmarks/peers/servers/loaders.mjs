// The edges of yoga's and Apollo's schema, each with a DataLoader of the request's own.
import DataLoader from 'dataloader'
import { resolvers, scopes, tagsOf, types } from './store.mjs'

export const context = () => ({
  types: new DataLoader(types),
  scopes: new DataLoader(scopes),
  tags: new DataLoader(tagsOf),
})

export const loaded = {
  ...resolvers,
  Resource: {
    resourceType: (resource, _, context) => context.types.load(resource.resourceTypeId),
    scope: (resource, _, context) => context.scopes.load(resource.scopeId),
    tags: (resource, _, context) => context.tags.load(resource.id),
  },
}
