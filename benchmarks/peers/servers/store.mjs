// What the servers with hand-written resolvers share: pooled `pg` with prepared statements, rows in and out.
import { readFileSync } from 'node:fs'
import pg from 'pg'

export const schema = readFileSync(new URL('schema.graphql', import.meta.url), 'utf8')

const [url, port] = process.argv.slice(2)
export const listen = { host: '127.0.0.1', port: Number(port) }

const pool = new pg.Pool({ connectionString: url, max: 10 })

const COLUMNS = `r.id, r.scope_id as "scopeId", r.resource_type_id as "resourceTypeId",
  r.external_resource_id as "externalResourceId", r.display_name as "displayName", r.created_at as "createdAt",
  r.created_by as "createdBy", r.updated_at as "updatedAt"`

// A statement with a name is prepared once per connection.
const rows = async (name, text, ...values) => (await pool.query({ name, text, values })).rows

export const resource = async id =>
  (await rows('resource', `select ${COLUMNS} from resources r where id = $1`, id))[0] ?? null

export const resources = (first, tagId) =>
  tagId == null
    ? rows('first', `select ${COLUMNS} from resources r order by id limit $1`, first)
    : rows(
        'tagged',
        `select ${COLUMNS} from resource_tags t join resources r on r.id = t.resource_id
         where t.tag_id = $2 order by t.resource_id limit $1`,
        first,
        tagId,
      )

export const createResources = input =>
  rows(
    'create',
    `insert into resources as r (scope_id, resource_type_id, external_resource_id, display_name)
     select * from unnest($1::text[], $2::text[], $3::text[], $4::text[]) returning ${COLUMNS}`,
    input.map(each => each.scopeId),
    input.map(each => each.resourceTypeId),
    input.map(each => each.externalResourceId),
    input.map(each => each.displayName),
  )

const inOrder = (ids, found) => {
  const byId = new Map(found.map(each => [each.id, each]))
  return ids.map(id => byId.get(id) ?? null)
}

export const types = async ids =>
  inOrder(ids, await rows('types', 'select id, key, name from resource_types where id = any($1)', ids))

export const scopes = async ids =>
  inOrder(ids, await rows('scopes', 'select id, name from scopes where id = any($1)', ids))

export const tagsOf = async ids => {
  const byResource = new Map(ids.map(id => [id, []]))
  const found = await rows(
    'tags',
    `select a.resource_id, t.id, t.label from resource_tags a join tags t on t.id = a.tag_id
     where a.resource_id = any($1) order by t.id`,
    ids,
  )
  for (const { resource_id, id, label } of found) byResource.get(resource_id).push({ id, label })
  return ids.map(id => byResource.get(id))
}

export const resolvers = {
  Query: {
    resource: (_, { id }) => resource(id),
    resources: (_, { first, tagId }) => resources(first, tagId),
  },
  Mutation: {
    createResource: async (_, { input }) => (await createResources([input]))[0],
    createResources: (_, { input }) => createResources(input),
  },
}
