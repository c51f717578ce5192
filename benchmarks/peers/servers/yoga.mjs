// graphql-yoga on Node's own HTTP server: `node yoga.mjs DATABASE_URL PORT`.
import { createServer } from 'node:http'
import { createSchema, createYoga } from 'graphql-yoga'
import { context, loaded } from './loaders.mjs'
import { listen, schema } from './store.mjs'

const yoga = createYoga({
  schema: createSchema({ typeDefs: schema, resolvers: loaded }),
  context,
  batching: { limit: 100 },
  graphiql: false,
  landingPage: false,
  logging: 'error',
})
createServer(yoga).listen(listen.port, listen.host)
