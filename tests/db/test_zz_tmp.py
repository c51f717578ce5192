import time
from tests.db.test_statement_counts import *
from db.database import postgresql
orig = postgresql.PostgresqlReader.fetch
async def fetch(self, statement, parameters):
    t=time.perf_counter(); r = await orig(self, statement, parameters); d=time.perf_counter()-t
    if d>1:
        text = postgresql.compiled(statement)
        for f in ("explain (analyze, buffers)", "explain (generic_plan)"):
            rows = await self._connection.fetch(f"{f} {text.sql}", *postgresql._bound(text, parameters))
            print(round(d,2), text.sql[-330:], "\n", "\n".join(x[0] for x in rows))
    return r
postgresql.PostgresqlReader.fetch=fetch
async def test_t(acme):
    for noun in (TAGS,):
        for n in (1,64,1000):
            for fate, command in steps_of(noun, [f"{n}x{i}" for i in range(n)]):
                await engine.run(acme, SYSTEM, command)
