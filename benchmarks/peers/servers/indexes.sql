-- The indexes of this server's table, so that PostgreSQL has the same to do for all.

create unique index on resources (root_id, external_resource_id, scope_id, resource_type_id);
create index on resources (root_id, scope_id, id);
create index on resources (root_id, scope_id, resource_type_id, id);
create index on resources (root_id, resource_type_id, id);
create index on resources (root_id, id);
create index on resources (root_id, coalesce(substr(display_name, 1, 64), ''), id);
