// The order of the folders of lib/serve: each imports only from those before it, and none imports from lib/serve/index.ts.
const rooms = ['protocol', 'batching', 'metrics', 'repository', 'page', 'http', 'server', 'workers']

module.exports = rooms.map((room, i) => ({
  name: 'order-of-serve',
  comment: `A room of lib/serve uses those before it in this order: ${rooms.join(', ')}.`,
  severity: 'error',
  from: { path: `^lib/serve/${room}/` },
  to: { path: `^lib/serve/(${['index\\.ts', ...rooms.slice(i + 1).map((above) => `${above}/`)].join('|')})` },
}))
