-- The peers' tables: the columns and rows of this server's, with foreign keys.

create function rising_id(kind text) returns text language sql volatile as $$
  select kind || '_' || lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0')
    || '-' || gen_random_uuid()
$$;

create function now_text() returns text language sql stable as $$
  select to_char(now() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
$$;

create table scopes (
  id text collate "C" primary key,
  name text not null
);

create table resource_types (
  id text collate "C" primary key,
  key text not null,
  name text not null
);

create table resources (
  id text collate "C" primary key default rising_id('resource'),
  scope_id text collate "C" not null references scopes,
  resource_type_id text collate "C" not null references resource_types,
  external_resource_id text collate "C" not null,
  display_name text,
  created_at text not null default now_text(),
  created_by text not null default 'system',
  updated_at text,
  data json,
  updated_by text,
  revision text not null default md5(random()::text),
  root_id text collate "C" not null default 'scope_0'
);

create table tags (
  id text collate "C" primary key,
  label text not null
);

create table resource_tags (
  resource_id text collate "C" not null references resources,
  tag_id text collate "C" not null references tags,
  primary key (resource_id, tag_id)
);
create index on resource_tags (tag_id, resource_id);

-- PostGraphile makes a mutation of it; the other servers have their own.
create type new_resource as (
  scope_id text,
  resource_type_id text,
  external_resource_id text,
  display_name text
);

create function create_resources(input new_resource[]) returns setof resources language sql volatile as $$
  insert into resources (scope_id, resource_type_id, external_resource_id, display_name)
  select scope_id, resource_type_id, external_resource_id, display_name from unnest(input)
  returning *
$$;
