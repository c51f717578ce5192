import os, dataclasses
from tests.db.test_model import *
M=os.environ["MUT"]
if M=="standing":
    import db.writes.deletes as d; d._standing=lambda *a: []
if M=="share":
    import db.writes.creates as c; c._share_fates=lambda *a: None
if M=="left":
    import db.writes.reconciles as r; r._Slots.left=lambda *a: None
if M=="orphan":
    import db.writes.reconciles as r; r._drop_orphans=lambda *a: None
if M=="lock":
    from db.tags import TAGS; object.__setattr__(TAGS,"allow",lambda *a: None)
if M=="clash":
    import db.writes.updates as u; u._clash=lambda *a: None
