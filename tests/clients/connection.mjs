// What every script shares: where the server is, who calls, and what was sent to it.

export const [, , url, token] = process.argv;
export const headers = { authorization: `Bearer ${token}` };

// Each HTTP request that was sent, in order.
export const sent = [];

export async function countingFetch(target, options = {}) {
  const body = typeof options.body === 'string' ? JSON.parse(options.body) : null;
  const request = { method: options.method ?? 'GET', url: String(target), body };
  sent.push(request);
  const response = await fetch(target, options);
  request.status = response.status;
  request.contentType = response.headers.get('content-type');
  return response;
}

export function report(value) {
  process.stdout.write(JSON.stringify(value));
}
