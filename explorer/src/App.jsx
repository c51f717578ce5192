import { useState } from 'react';

import { useConnection } from './connection.js';
import { loadCredentials, saveCredentials } from './credentials.js';
import { Notice } from './Notice.jsx';
import { TopBar } from './TopBar.jsx';
import { Workbench } from './Workbench.jsx';

/** Show the top bar, what the server thinks of the credentials, and GraphiQL. */
export function App() {
  const [credentials, setCredentials] = useState(loadCredentials);
  const { fetcher, state } = useConnection(credentials);

  function change(changed) {
    const next = { ...credentials, ...changed };
    saveCredentials(next);
    setCredentials(next);
  }

  return (
    <div className="sheaf">
      <TopBar credentials={credentials} state={state} onChange={change} />
      <Notice state={state} {...credentials} />
      <main className="sheaf-workbench">
        <Workbench fetcher={fetcher} hasToken={credentials.token !== ''} />
      </main>
    </div>
  );
}
