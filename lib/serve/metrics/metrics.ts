/** Metrics in the text format of Prometheus, with Triton's names for the metrics that Triton has, too. */

import { durationBounds, type ModelSnapshot } from './statistics.js'
import type { WorkerSnapshot } from './workerSnapshot.js'

/** All statistics of a server, of all its workers. */
export interface ServerSnapshot {
  readonly models: readonly ModelSnapshot[]
  readonly workers: readonly WorkerSnapshot[]
}

/** The content type of {@link formatMetrics}. */
export const metricsContentType = 'text/plain; version=0.0.4; charset=utf-8'

type Labels = Readonly<Record<string, string | number>>
type Sample = readonly [labels: Labels, value: number, suffix?: string]

interface Family<T> {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  samples(of: T): readonly Sample[]
}

const ofModel = ({ model, version }: ModelSnapshot): Labels => ({ model, version })

function one(name: string, type: 'counter' | 'gauge', help: string, value: (of: ModelSnapshot) => number) {
  return { name, type, help, samples: (of: ModelSnapshot) => [[ofModel(of), value(of)] as const] }
}

const modelFamilies: readonly Family<ModelSnapshot>[] = [
  one('nv_inference_request_success', 'counter', 'Requests answered', ({ success }) => success),
  {
    name: 'nv_inference_request_failure',
    type: 'counter',
    help: 'Requests not answered: REJECTED by a full queue or a deadline, CANCELED by the client, BACKEND for the device, OTHER for requests that are wrong',
    samples: (of) => Object.entries(of.failures).map(([reason, count]) => [{ ...ofModel(of), reason }, count]),
  },
  one('nv_inference_count', 'counter', 'Rows answered', ({ rows }) => rows),
  one('nv_inference_exec_count', 'counter', 'Batches computed', ({ batches }) => batches),
  one(
    'nv_inference_request_duration_us',
    'counter',
    'Microseconds from request to answer, summed over answered requests',
    ({ successMicros }) => successMicros,
  ),
  one(
    'nv_inference_queue_duration_us',
    'counter',
    'Microseconds that answered requests waited for their batch, summed',
    ({ queueMicros }) => queueMicros,
  ),
  one(
    'nv_inference_compute_infer_duration_us',
    'counter',
    'Microseconds that batches took to compute, summed',
    ({ computeMicros }) => computeMicros,
  ),
  one(
    'nv_inference_pending_request_count',
    'gauge',
    'Requests that wait for their batch now',
    ({ pending }) => pending,
  ),
  {
    name: 'neurode_batch_size',
    type: 'histogram',
    help: 'Rows of computed batches',
    samples: (of) => histogram(ofModel(of), of.batchSizes.bounds, of.batchSizes.counts, of.rows),
  },
  {
    name: 'neurode_request_duration_seconds',
    type: 'histogram',
    help: 'Time from request to answer of answered requests',
    samples: (of) => {
      const bounds = durationBounds.map((micros) => micros / 1e6)
      return histogram(ofModel(of), bounds, of.durations, of.successMicros / 1e6)
    },
  },
]

function ofWorker(
  name: string,
  type: 'counter' | 'gauge',
  help: string,
  value: (of: WorkerSnapshot) => number | undefined,
): Family<WorkerSnapshot> {
  const samples = (of: WorkerSnapshot): Sample[] => {
    const found = value(of)
    return found === undefined ? [] : [[{ worker: of.worker }, found]]
  }
  return { name, type, help, samples }
}

const workerFamilies: readonly Family<WorkerSnapshot>[] = [
  ofWorker('neurode_model_reloads_total', 'counter', 'Versions that took the place of another', (of) => of.reloads),
  ofWorker(
    'neurode_model_load_failures_total',
    'counter',
    'Files that could not be loaded, so that what was there stayed',
    (of) => of.loadFailures,
  ),
  ofWorker(
    'neurode_fast_path_requests_total',
    'counter',
    'Requests for inference read and answered natively, past node:http',
    (of) => of.fastRequests,
  ),
  ofWorker('neurode_connections', 'gauge', 'Connections of clients now', (of) => of.connections),
  ofWorker(
    'neurode_connections_refused_total',
    'counter',
    'Connections closed since there were too many',
    (of) => of.refusedConnections,
  ),
  ofWorker('process_cpu_seconds_total', 'counter', 'User and system time', (of) => of.cpuSeconds),
  ofWorker('process_start_time_seconds', 'gauge', 'Start, in seconds since 1970', (of) => of.startSeconds),
  ofWorker('process_resident_memory_bytes', 'gauge', 'Resident memory', (of) => of.residentBytes),
  ofWorker('process_open_fds', 'gauge', 'Open file descriptors', (of) => of.openFiles),
  ofWorker('nodejs_heap_size_used_bytes', 'gauge', 'JavaScript heap in use', (of) => of.heapBytes),
  ofWorker('nodejs_external_memory_bytes', 'gauge', 'Memory of arrays outside the heap', (of) => of.externalBytes),
  ofWorker(
    'nodejs_eventloop_utilization',
    'gauge',
    'Share of the time since the start that the event loop was busy, 0 to 1',
    (of) => of.eventLoopUtilization,
  ),
]

/** Formats the answer to `GET /metrics`. */
export function formatMetrics({ models, workers }: ServerSnapshot): string {
  return formatFamilies(modelFamilies, models) + formatFamilies(workerFamilies, workers)
}

function formatFamilies<T>(families: readonly Family<T>[], all: readonly T[]): string {
  return families
    .map((family) => {
      const { name, type, help } = family
      const lines = all.flatMap((of) => family.samples(of)).map((sample) => formatSample(name, sample))
      return lines.length === 0 ? '' : `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
    })
    .join('')
}

function formatSample(name: string, [labels, value, suffix = '']: Sample): string {
  const text = Object.entries(labels).map(([label, of]) => `${label}="${escapeLabel(String(of))}"`)
  return `${name}${suffix}{${text.join(',')}} ${value}\n`
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

/** The samples of a histogram. If there is one count more than there are bounds, the last count is for larger values. */
function histogram(labels: Labels, bounds: readonly number[], counts: readonly number[], sum: number): Sample[] {
  let total = 0
  const buckets = bounds.map((bound, i): Sample => {
    total += counts[i] ?? 0
    return [{ ...labels, le: bound }, total, '_bucket']
  })
  total += counts[bounds.length] ?? 0
  return [...buckets, [{ ...labels, le: '+Inf' }, total, '_bucket'], [labels, sum, '_sum'], [labels, total, '_count']]
}
