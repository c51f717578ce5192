// Apollo Server with its standalone HTTP server: `node apollo.mjs DATABASE_URL PORT`.
import { ApolloServer } from '@apollo/server'
import { startStandaloneServer } from '@apollo/server/standalone'
import { context, loaded } from './loaders.mjs'
import { listen, schema } from './store.mjs'

const server = new ApolloServer({
  typeDefs: schema,
  resolvers: loaded,
  allowBatchedHttpRequests: true,
  introspection: false,
})
await startStandaloneServer(server, { listen, context })
