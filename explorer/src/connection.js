import { useEffect, useMemo, useState } from 'react';

import { createTransport } from './transport.js';

/** Keep one transport per pair of credentials, and what the server last said about them. */
export function useConnection({ token, tenant }) {
  const [answer, setAnswer] = useState(null);

  const transport = useMemo(() => {
    const created = createTransport({ token, tenant }, (status) =>
      setAnswer({ of: created, status }),
    );
    return created;
  }, [token, tenant]);

  useEffect(() => () => transport.close(), [transport]);

  // A late answer to earlier credentials says nothing about these.
  const status = answer?.of === transport ? answer.status : null;
  return { fetcher: transport.fetcher, state: stateOf(status, token, tenant) };
}

function stateOf(status, token, tenant) {
  if (status === 0) return 'unreachable';
  if (status === 401) return 'rejected';
  if (status === 404 && tenant) return 'unknown-tenant';
  if (status === null) return token ? 'checking' : 'missing';
  return 'connected';
}
