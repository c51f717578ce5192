import { useState } from 'react';

import { CommittedInput } from './CommittedInput.jsx';
import { cleanToken } from './credentials.js';
import { SheafMark } from './SheafMark.jsx';

const LABELS = {
  missing: 'No token',
  checking: 'Checking…',
  connected: 'Connected',
  rejected: 'Refused',
  'unknown-tenant': 'No such tenant',
  unreachable: 'No answer',
};

const LINKS = [
  { href: '/docs/tour', text: 'Tour', title: 'A tour of the API, from the README' },
  { href: '/schema.graphql', text: 'Schema', title: 'The GraphQL schema (SDL)' },
  { href: '/openapi.json', text: 'OpenAPI', title: 'The REST dialects (OpenAPI)' },
];

/** Show the brand, the credentials, whether they work, and where to read on. */
export function TopBar({ credentials, state, onChange }) {
  return (
    <header className="sheaf-bar">
      <a className="sheaf-brand" href="/" aria-label="Sheaf explorer">
        <SheafMark />
        <span>Sheaf</span>
      </a>
      <TokenField token={credentials.token} onChange={(token) => onChange({ token })} />
      <label className="sheaf-field tenant">
        <span>Tenant</span>
        <CommittedInput
          id="tenant"
          placeholder="optional"
          title="Sent as reach-tenant-id: narrows every call to this scope"
          value={credentials.tenant}
          clean={(typed) => typed.trim()}
          onCommit={(tenant) => onChange({ tenant })}
        />
      </label>
      <span className="sheaf-state" id="connection" data-state={state} role="status">
        {LABELS[state]}
      </span>
      <nav className="sheaf-links" aria-label="Documents">
        {LINKS.map(({ href, text, title }) => (
          <a key={href} href={href} title={title} target="_blank" rel="noopener">
            {text}
          </a>
        ))}
      </nav>
    </header>
  );
}

function TokenField({ token, onChange }) {
  const [shown, setShown] = useState(false);
  return (
    <label className="sheaf-field token">
      <span>Token</span>
      {/* Masked by style: a field of type "password" makes browsers offer to save it. */}
      <CommittedInput
        id="token"
        className={shown ? '' : 'masked'}
        placeholder="paste the token that make serve printed"
        value={token}
        clean={cleanToken}
        onCommit={onChange}
      />
      {token !== '' && (
        <button type="button" aria-pressed={shown} onClick={() => setShown(!shown)}>
          {shown ? 'Hide' : 'Show'}
        </button>
      )}
    </label>
  );
}
