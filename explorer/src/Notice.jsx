/** Tell what to do when the credentials are missing or refused; nothing otherwise. */
export function Notice({ state, token, tenant }) {
  switch (state) {
    case 'missing':
      return (
        <p className="sheaf-notice hint" id="notice" role="status">
          <strong>Paste the token</strong> that <code>make serve</code> printed. It stays in this
          browser and goes along with every request.
        </p>
      );
    case 'rejected':
      return (
        <p className="sheaf-notice error" id="notice" role="alert">
          <strong>401 Unauthorized.</strong>{' '}
          {token ? 'The server did not accept this token.' : 'The server asks for a token.'} Paste
          the one that <code>make serve</code> printed.
        </p>
      );
    case 'unknown-tenant':
      return (
        <p className="sheaf-notice error" id="notice" role="alert">
          <strong>404 Not Found.</strong> This token reaches no tenant “{tenant}”. Correct the
          tenant or leave it empty.
        </p>
      );
    case 'unreachable':
      return (
        <p className="sheaf-notice error" id="notice" role="alert">
          <strong>No answer.</strong> The server cannot be reached. Is <code>make serve</code>{' '}
          running?
        </p>
      );
    default:
      return null;
  }
}
