import collections, atexit
from tests.db import test_model as t
from tests.db.test_model import *
C=collections.Counter()
orig=t._expected
def exp(f):
    C[(f.outcome, ",".join(sorted(f.codes)))]+=1
    return orig(f)
t._expected=exp
atexit.register(lambda: open('/tmp/tally.txt','w').write("\n".join(f"{v:6} {k}" for k,v in C.most_common())))
