-- With `--lean`: only what keeps rows apart, which is enough for what the peers are asked.

create unique index on resources (external_resource_id, scope_id, resource_type_id);
