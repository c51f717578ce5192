// Mercurius with its JIT and its own loaders: `node mercurius.mjs DATABASE_URL PORT`.
import Fastify from 'fastify'
import mercurius from 'mercurius'
import { listen, resolvers, schema, scopes, tagsOf, types } from './store.mjs'

const loaders = {
  Resource: {
    resourceType: queries => types(queries.map(({ obj }) => obj.resourceTypeId)),
    scope: queries => scopes(queries.map(({ obj }) => obj.scopeId)),
    tags: queries => tagsOf(queries.map(({ obj }) => obj.id)),
  },
}

const app = Fastify({ bodyLimit: 16 * 1024 * 1024 })
app.register(mercurius, { schema, resolvers, loaders, jit: 1, allowBatchedQueries: true })
await app.listen(listen)
