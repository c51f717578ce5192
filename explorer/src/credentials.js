const KEYS = { token: 'sheaf:token', tenant: 'sheaf:tenant' };

/** Read the remembered token and tenant; empty strings if there are none. */
export function loadCredentials() {
  return { token: read(KEYS.token), tenant: read(KEYS.tenant) };
}

/** Remember the token and tenant; an empty one is removed. */
export function saveCredentials({ token, tenant }) {
  write(KEYS.token, token);
  write(KEYS.tenant, tenant);
}

/** Take the bare token out of what was pasted, be it a whole header line. */
export function cleanToken(pasted) {
  return pasted
    .trim()
    .replace(/^authorization:\s*/i, '')
    .replace(/^bearer\s+/i, '')
    .replace(/[^\x21-\x7e]/g, '');
}

/** Return the headers that carry the credentials, as JavaScript strings. */
export function credentialHeaders({ token, tenant }) {
  return {
    ...(token && { Authorization: `Bearer ${token}` }),
    ...(tenant && { 'reach-tenant-id': tenant }),
  };
}

// Storage throws where the browser blocks it; the fields then last as long as the page.
function read(key) {
  try {
    return localStorage.getItem(key) ?? '';
  } catch {
    return '';
  }
}

function write(key, value) {
  try {
    if (value) localStorage.setItem(key, value);
    else localStorage.removeItem(key);
  } catch {
    return;
  }
}
