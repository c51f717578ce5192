import { getOperationAST } from 'graphql';
import { createClient } from 'graphql-ws';

import { credentialHeaders } from './credentials.js';

const ENDPOINT = '/graphql';
const UNAUTHORIZED = 401;
const UNREACHABLE = 0;
// graphql-transport-ws: unauthorized, forbidden.
const REFUSING_CLOSE_CODES = [4401, 4403];

/**
 * Make a GraphiQL fetcher that carries the credentials.
 *
 * `onStatus` gets the HTTP status of each answer, 0 when there was none, and 401
 * when the server refuses a web socket. No web socket is opened until a subscription runs.
 */
export function createTransport(credentials, onStatus) {
  const client = createClient({
    url: `${location.origin.replace(/^http/, 'ws')}${ENDPOINT}`,
    lazy: true,
    connectionParams: () => credentialHeaders(credentials),
    shouldRetry: (fault) => fault instanceof CloseEvent && !isRefusal(fault),
    on: {
      closed(event) {
        if (isRefusal(event)) onStatus(UNAUTHORIZED);
      },
    },
  });

  async function request(params, headers) {
    const init = {
      method: 'POST',
      headers: requestHeaders(credentials, headers),
      body: JSON.stringify(params),
    };
    try {
      const response = await fetch(ENDPOINT, init);
      onStatus(response.status);
      return await readAnswer(response);
    } catch (error) {
      onStatus(UNREACHABLE);
      throw error;
    }
  }

  return {
    fetcher: (params, { headers, documentAST } = {}) =>
      isSubscription(documentAST, params.operationName)
        ? observe(client, params)
        : request(params, headers),
    close: () => client.dispose(),
  };
}

/** Join the headers of GraphiQL's own "Headers" pane, which win, with the credentials. */
function requestHeaders(credentials, typed) {
  const headers = new Headers(typed);
  const ours = {
    accept: 'application/graphql-response+json, application/json;q=0.9',
    'content-type': 'application/json',
    ...credentialHeaders(credentials),
  };
  for (const [name, value] of Object.entries(ours)) {
    if (!headers.has(name)) headers.set(name, utf8Bytes(value));
  }
  return headers;
}

/** Spell a text as one character per UTF-8 byte, since a header holds only bytes. */
function utf8Bytes(text) {
  return String.fromCharCode(...new TextEncoder().encode(text));
}

/** Read a GraphQL answer; what isn't JSON, say a proxy's error page, becomes an error in one. */
async function readAnswer(response) {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    const message = `HTTP ${response.status} ${response.statusText}: ${text.slice(0, 500)}`;
    return { errors: [{ message }] };
  }
}

function isSubscription(documentAST, operationName) {
  return (
    documentAST !== undefined &&
    getOperationAST(documentAST, operationName)?.operation === 'subscription'
  );
}

/** Run a subscription as the kind of observable that GraphiQL takes. */
function observe(client, params) {
  return {
    subscribe(observer) {
      const unsubscribe = client.subscribe(params, {
        next: (result) => observer.next(result),
        complete: () => observer.complete(),
        error: (fault) => observer.error(fault instanceof CloseEvent ? closed(fault) : fault),
      });
      return { unsubscribe };
    },
  };
}

function closed({ code, reason }) {
  return new Error(`The server closed the web socket: ${code} ${reason}`.trim());
}

function isRefusal(closeEvent) {
  return REFUSING_CLOSE_CODES.includes(closeEvent.code);
}
