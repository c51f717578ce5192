// Parse Server on Express: `node parse.mjs DATABASE_URL PORT`.
import express from 'express'
import { ParseServer } from 'parse-server'

const [databaseURI, port] = process.argv.slice(2)
const pointer = targetClass => ({ type: 'Pointer', targetClass })
const open = { find: { '*': true }, get: { '*': true }, create: { '*': true }, count: { '*': true } }

const server = new ParseServer({
  databaseURI,
  appId: 'benchmark',
  masterKey: 'benchmark',
  restAPIKey: 'benchmark',
  serverURL: `http://127.0.0.1:${port}/parse`,
  silent: true,
  logLevel: 'error',
  directAccess: true,
  allowCustomObjectId: true,
  schema: {
    definitions: [
      { className: 'Scope', fields: { name: { type: 'String' } }, classLevelPermissions: open },
      {
        className: 'ResourceType',
        fields: { key: { type: 'String' }, name: { type: 'String' } },
        classLevelPermissions: open,
      },
      { className: 'Tag', fields: { label: { type: 'String' } }, classLevelPermissions: open },
      {
        className: 'Resource',
        fields: {
          scope: pointer('Scope'),
          resourceType: pointer('ResourceType'),
          externalResourceId: { type: 'String' },
          displayName: { type: 'String' },
          createdBy: { type: 'String' },
          tags: { type: 'Array' },
        },
        classLevelPermissions: open,
      },
      {
        className: 'Tagging',
        fields: { tag: pointer('Tag'), resource: pointer('Resource') },
        indexes: { by_tag: { tag: 1, resource: 1 } },
        classLevelPermissions: open,
      },
    ],
    lockSchemas: true,
  },
})
await server.start()

const app = express()
app.use('/parse', server.app)
app.listen(Number(port), '127.0.0.1')
